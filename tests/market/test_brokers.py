"""What brokers make of MARKET, SL-M and many orders a second, by date."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback import ConfigError
from tapeback.market.brokers import BROKERS, BrokerRules, broker_of
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE

STOCK = instrument_of("SBIN", "NSE")
BSE_STOCK = instrument_of("SBIN", "BSE")
INDEX_OPTION = instrument_of("NIFTY28MAR2420800CE", "NFO")
STOCK_OPTION = instrument_of("VEDL25APR24292.5CE", "NFO")
BSE_OPTION = instrument_of("SENSEX28MAR2472000CE", "BFO")
FUTURE = instrument_of("NIFTY28MAR24FUT", "NFO")
STOCK_FUTURE = instrument_of("SBIN28MAR24FUT", "NFO")
CRUDE_OPTION = instrument_of("CRUDEOIL17APR246750CE", "MCX")


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def rules(broker: str, instrument: Instrument, on: str) -> BrokerRules:
    return broker_of(broker).rules(instrument, day(on))


def limit_of(broker: str, buy: bool, price: float, instrument: Instrument) -> float:
    """The limit of a MARKET order once these are protected."""
    protecting = rules(broker, instrument, "2026-05-04")
    assert protecting.market == "protect"
    return protecting.protection_price(buy, price, instrument.tick_size)


class TestStopMarket:
    """SL-M where the exchanges have ended it."""

    @pytest.mark.parametrize(
        ("instrument", "last", "first"),
        [
            (INDEX_OPTION, "2021-09-26", "2021-09-27"),
            (STOCK_OPTION, "2021-09-26", "2021-09-27"),
            (BSE_OPTION, "2023-10-08", "2023-10-09"),
            (BSE_STOCK, "2023-10-08", "2023-10-09"),
        ],
        ids=["NSE index option", "NSE stock option", "BSE option", "BSE share"],
    )
    def test_it_ends_on_the_day_of_the_exchange(
        self, instrument: Instrument, last: str, first: str
    ) -> None:
        assert rules("zerodha", instrument, last).stop_market == "accept"
        assert rules("zerodha", instrument, first).stop_market == "refuse"
        assert rules("dhan", instrument, first).stop_market == "protect"

    def test_it_stays_on_nse_shares_and_futures(self) -> None:
        for instrument in (STOCK, FUTURE):
            assert rules("zerodha", instrument, "2026-03-31").stop_market == "accept"
            assert rules("zerodha", instrument, "2026-04-01").stop_market == "protect"

    def test_the_sandbox_takes_it_for_ever(self) -> None:
        assert rules("sandbox", INDEX_OPTION, "2026-11-02").stop_market == "accept"

    def test_a_protected_stop_has_its_limit_a_slab_beyond_the_trigger(self) -> None:
        """Dhan, a long call of 200 with a stop at 150: 2 % of 150 is 3, so the limit is 147."""
        dhan = rules("dhan", INDEX_OPTION, "2024-03-20")
        assert (dhan.stop_market, dhan.market) == ("protect", "accept")
        assert dhan.protection_price(False, 150, INDEX_OPTION.tick_size) == 147
        assert dhan.protection_price(True, 150, INDEX_OPTION.tick_size) == 153


class TestMarket:
    """MARKET by API, which from 2026-04-01 is a limit a slab away."""

    def test_it_is_protected_from_the_day_of_the_rule(self) -> None:
        for name in ("zerodha", "upstox", "angelone", "groww", "fyers", "flat"):
            assert rules(name, STOCK, "2026-03-31").market == "accept"
            assert rules(name, STOCK, "2026-04-01").market == "protect"

    def test_dhan_began_eleven_days_before(self) -> None:
        assert rules("dhan", STOCK, "2026-03-20").market == "accept"
        assert rules("dhan", STOCK, "2026-03-21").market == "protect"
        assert rules("dhan", STOCK, "2026-03-21").order_rate == 10

    def test_the_sandbox_never_protects(self) -> None:
        assert rules("sandbox", STOCK, "2026-05-04").market == "accept"

    def test_stock_options_are_refused(self) -> None:
        assert rules("zerodha", STOCK_OPTION, "2024-03-20").market == "refuse"
        assert rules("zerodha", INDEX_OPTION, "2024-03-20").market == "accept"
        assert rules("sandbox", STOCK_OPTION, "2024-03-20").market == "accept"

    @pytest.mark.parametrize(
        ("instrument", "price", "buys", "sells"),
        [
            (STOCK, 99.95, 101.95, 97.95),  # 2 % = 1.999, to the nearest tick
            (STOCK, 100, 101, 99),  # 1 %
            (STOCK, 500, 505, 495),  # 1 %, the last rupee of its slab
            (STOCK, 500.05, 502.55, 497.55),  # 0.5 % = 2.50025
            (FUTURE, 22_800, 22_914, 22_686),  # 0.5 % = 114
            (INDEX_OPTION, 9.95, 10.45, 9.45),  # 5 % = 0.4975
            (INDEX_OPTION, 10, 10.3, 9.7),  # 3 %
            (INDEX_OPTION, 100, 103, 97),
            (INDEX_OPTION, 100.05, 102.05, 98.05),  # 2 % = 2.001
            (INDEX_OPTION, 500, 510, 490),
            (INDEX_OPTION, 600, 606, 594),  # 1 %
        ],
    )
    def test_slabs_of_kite_and_openalgo(
        self, instrument: Instrument, price: float, buys: float, sells: float
    ) -> None:
        assert limit_of("zerodha", True, price, instrument) == buys
        assert limit_of("zerodha", False, price, instrument) == sells

    @pytest.mark.parametrize(
        ("broker", "instrument", "price", "buys"),
        [
            ("angelone", STOCK, 2_400, 2_412),  # 0.5 %: the broker's own example
            ("angelone", STOCK_FUTURE, 800, 808),
            ("angelone", INDEX_OPTION, 15, 16.5),
            ("angelone", INDEX_OPTION, 60, 61.5),
            ("angelone", CRUDE_OPTION, 300, 307.5),
            ("fyers", FUTURE, 12_000, 12_060),  # 0.5 %: the broker's own example
            ("fyers", FUTURE, 9_000, 9_050),  # Rs 50 up to 10,000
            ("fyers", INDEX_OPTION, 8, 9.5),  # Rs 1.50 up to 10
            ("fyers", INDEX_OPTION, 200, 220),
            ("fyers", STOCK, 200, 202),  # not on its page: OpenAlgo's 1 %
            ("upstox", STOCK, 100, 102),
            ("upstox", STOCK, 1_000, 1_010),
            ("upstox", INDEX_OPTION, 200, 204),  # not found: OpenAlgo's 2 %
        ],
    )
    def test_slabs_of_other_brokers(
        self, broker: str, instrument: Instrument, price: float, buys: float
    ) -> None:
        assert limit_of(broker, True, price, instrument) == buys

    @settings(max_examples=150)
    @given(
        st.integers(1, 2_000_000), st.booleans(), st.sampled_from(BROKERS[:-1]),
        st.sampled_from([STOCK, FUTURE, INDEX_OPTION, CRUDE_OPTION]),
    )  # fmt: skip
    def test_a_limit_lies_beyond_the_price_on_the_grid(
        self, ticks: int, buy: bool, broker: str, instrument: Instrument
    ) -> None:
        price = round(ticks * 0.05, 4)
        limit = limit_of(broker, buy, price, instrument)
        assert limit >= 0.05
        assert abs(limit / 0.05 - round(limit / 0.05)) < 1e-6
        assert limit > price if buy else limit < price or price == 0.05


def test_more_than_ten_orders_a_second_are_too_many_since_the_rule() -> None:
    assert rules("zerodha", STOCK, "2026-03-31").order_rate == 0
    assert rules("zerodha", STOCK, "2026-04-01").order_rate == 10
    assert rules("sandbox", STOCK, "2026-04-01").order_rate == 0


def test_a_square_off_by_the_broker_costs_fifty_rupees_and_gst() -> None:
    """50 + 18 % of 50 = 59."""
    for name in ("zerodha", "upstox", "fyers"):
        assert rules(name, STOCK, "2024-03-20").penalty == 59 * RUPEE
    assert rules("flat", STOCK, "2024-03-20").penalty == 0
    assert rules("sandbox", STOCK, "2024-03-20").penalty == 0


@pytest.mark.parametrize("name", BROKERS)
def test_every_profile_answers_for_every_instrument_and_names_its_sources(name: str) -> None:
    profile = broker_of(name)
    assert profile.name == name
    for instrument in (STOCK, BSE_STOCK, INDEX_OPTION, STOCK_OPTION, FUTURE, CRUDE_OPTION):
        for on in ("2008-01-02", "2021-10-01", "2026-10-01"):
            answer = profile.rules(instrument, day(on))
            assert all(row.source for row in answer.rows)


def test_a_profile_says_what_it_borrows() -> None:
    assert broker_of("zerodha").borrowed == ()
    assert broker_of("sandbox").borrowed == ()
    groww = broker_of("groww").borrowed
    assert "square_off.currency: as zerodha" in groww
    assert "square_off_penalty: as zerodha" in groww
    assert not any(line.startswith("square_off.equity") for line in groww)
    assert "slabs.index_option: as openalgo" in broker_of("upstox").borrowed


class TestSettings:
    """The setting `broker`."""

    def test_a_mapping_replaces_figures_of_its_base(self) -> None:
        own = broker_of(
            {
                "base": "dhan",
                "plan": "flat",
                "stop_market": "refuse",
                "square_off_penalty": 23.6,
                "order_rate": 5,
                "slabs": "fyers",
            }
        )
        answer = own.rules(INDEX_OPTION, day("2026-05-04"))
        assert (own.plan, answer.stop_market, answer.order_rate) == ("flat", "refuse", 5)
        assert answer.penalty == 23_600_000
        assert answer.protection_price(True, 8, 0.05) == 9.5
        assert broker_of("dhan").rules(INDEX_OPTION, day("2026-05-04")).stop_market == "protect"

    def test_without_a_base_it_is_zerodha(self) -> None:
        own = broker_of({"market_orders": "accept"})
        assert own.plan == "zerodha"
        assert own.rules(STOCK, day("2026-05-04")).market == "accept"

    def test_an_unknown_broker_names_the_nearest(self) -> None:
        with pytest.raises(ConfigError, match="did you mean 'zerodha'") as caught:
            broker_of("zeroda")
        assert "upstox" in str(caught.value)

    def test_all_problems_at_once(self) -> None:
        with pytest.raises(ConfigError) as caught:
            broker_of(
                {
                    "base": "robinhood",
                    "stop_markt": "refuse",
                    "square_off": {"equty": "15:10", "derivative": "25:00"},
                    "order_rate": -1,
                    "premium_credit": "yes",
                    "slabs": ["fyers"],
                }
            )
        problems = caught.value.problems
        assert len(problems) == 7
        text = "\n".join(problems)
        for part in (
            "'robinhood'",
            "did you mean 'stop_market'",
            "did you mean 'equity'",
            "'25:00'",
            "-1",
            "true or false",
            "['fyers']",
        ):
            assert part in text

    def test_neither_name_nor_mapping(self) -> None:
        with pytest.raises(ConfigError, match="a name or a mapping; got 5"):
            broker_of(5)  # type: ignore[arg-type]
