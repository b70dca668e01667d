"""Stock options in the money block a rising share of their delivery before shares change hands."""

from __future__ import annotations

from datetime import date

import pytest

import tapeback
from tapeback import BaseStrategy, Candle
from tapeback.market.charges import ChargeSchedule
from tapeback.market.instruments import instrument_of
from tapeback.market.margin import OptionTerms
from tapeback.market.rulebook import Rulebook
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE
from tests.core.play import bars

CALL = instrument_of("RELIANCE28MAR242800CE", "NFO")
PREMIUM, SPOT = 100 * RUPEE, 2_900 * RUPEE


def blocked(on: str, spot: int = SPOT, symbol: str = "") -> tuple[OptionTerms, int]:
    instrument = instrument_of(symbol, "NFO") if symbol else CALL
    rulebook = Rulebook(ChargeSchedule("none"))
    terms = rulebook.margin_terms(instrument, "NRML", day_of(date.fromisoformat(on)))
    assert isinstance(terms, OptionTerms)
    return terms, terms.required(250, PREMIUM, spot)


@pytest.mark.parametrize(
    ("on", "share"),
    [
        # Holi was on 25 March 2024: five, four, ... sessions before Thursday 28 March.
        ("2024-03-20", 0),
        ("2024-03-21", 10),
        ("2024-03-22", 25),
        ("2024-03-26", 45),
        ("2024-03-27", 70),
        ("2024-03-28", 100),
    ],
)
def test_the_share_rises_over_the_last_sessions(on: str, share: int) -> None:
    terms, units = blocked(on)
    of_the_future = 250 * SPOT * (terms.scan + terms.exposure) / 1_000_000
    assert units == pytest.approx(250 * PREMIUM + of_the_future * share / 100, abs=RUPEE)


@pytest.mark.parametrize(
    ("symbol", "spot"),
    [
        ("", 2_700 * RUPEE),
        ("", 0),
        ("RELIANCE28MAR242800PE", SPOT),
        ("NIFTY28MAR2422000CE", 23_000 * RUPEE),
    ],
    ids=["out of the money", "underlying not known", "put", "index: settled in cash"],
)
def test_what_brings_no_shares_blocks_its_premium_alone(symbol: str, spot: int) -> None:
    assert blocked("2024-03-27", spot, symbol)[1] == 250 * PREMIUM


def test_a_lot_that_no_table_has_is_said_in_the_result() -> None:
    class Buyer(BaseStrategy):
        def on_bar(self, candle: Candle) -> None:
            if not self.position():
                self.buy(1, "LIMIT", 102.0)

    prices = [(100.0, 101.0, 99.0, 100.0)] * 4
    result = tapeback.backtest(Buyer, bars(*prices, symbol="TATASTEEL28MAR24160CE", exchange="NFO"))
    (note,) = result.notes
    assert "lot size of TATASTEEL28MAR24160CE" in note
    assert "data.master_contract" in note
