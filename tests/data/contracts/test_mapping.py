"""Typed contracts and aliases: what they are read as, and what they stand for on each date."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.board import ContractBoard
from tapeback.data.contracts.mapping import (
    Alias,
    ContractMap,
    SymbolMap,
    aliased,
    future_at,
    option_at,
    parse_alias,
    parse_map,
)
from tapeback.data.contracts.united import UnitedContracts, contracts_of_series
from tapeback.errors import ConfigError, DataNotFoundError
from tapeback.market.instruments import instrument_of
from tapeback.models.verdict import verdict_of
from tests.data.contracts.samples import ClockAt, at, bars, keep

TYPED_FUTURE, TYPED_CALL, TYPED_PUT = (
    "NIFTY24NOV26FUT",
    "NIFTY28NOV2624000CE",
    "NIFTY28NOV2624000PE",
)
JULY, AUGUST = "NIFTY25JUL24FUT", "NIFTY29AUG24FUT"
START, END = date(2024, 7, 15), date(2024, 7, 31)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> CacheManager:
    """July's and August's future, two weeklies, July's and August's monthly options, and NIFTY."""
    made = CacheManager(tmp_path_factory.mktemp("cache"), clock=ClockAt(2026, 11, 2, 18, 0))
    keep(made, bars("NIFTY", "NSE_INDEX", START, END, timeframe="15m", price=24_420))
    keep(made, bars(JULY, "NFO", START, date(2024, 7, 25), timeframe="15m", price=24_450))
    keep(made, bars(AUGUST, "NFO", START, END, timeframe="15m", price=24_600))
    for week, end in (("18JUL24", 18), ("25JUL24", 25), ("01AUG24", 31), ("29AUG24", 31)):
        for strike in range(23_800, 25_050, 100):
            for side in ("CE", "PE"):
                symbol = f"NIFTY{week}{strike}{side}"
                keep(made, bars(symbol, "NFO", START, date(2024, 7, end), timeframe="1h"))
    return made


@pytest.fixture(scope="module")
def board(cache: CacheManager) -> ContractBoard:
    return ContractBoard(cache)


def spot_is(price: float | None) -> object:
    return lambda underlying, exchange, ts: price


class TestReading:
    def test_a_future_by_its_month(self) -> None:
        typed = instrument_of(TYPED_FUTURE, "NFO")
        assert parse_map(f"{TYPED_FUTURE}=NIFTY-I") == SymbolMap(typed, "month", 1)
        assert parse_map(f"{TYPED_FUTURE}=NIFTY-III") == SymbolMap(typed, "month", 3)
        assert parse_map("m&m24nov26fut=m&m-ii").typed.symbol == "M&M24NOV26FUT"

    @pytest.mark.parametrize(
        ("text", "kind", "rank", "steps"),
        [
            (f"{TYPED_CALL}=NIFTY:week1:ATM+2:CE", "week", 1, 2),
            (f"{TYPED_CALL}=NIFTY:week2:ATM-3", "week", 2, -3),
            (f"{TYPED_CALL}=NIFTY:month1:ATM", "month", 1, 0),
            (f"{TYPED_CALL}=NIFTY:month:OTM2:CE", "month", 1, 2),
            (f"{TYPED_CALL}=NIFTY:week:ITM1:CE", "week", 1, -1),
            (f"{TYPED_PUT}=NIFTY:week:OTM2:PE", "week", 1, -2),
            (f"{TYPED_PUT}=NIFTY:week:ITM1", "week", 1, 1),
        ],
    )
    def test_an_option_by_rank_and_distance(
        self, text: str, kind: str, rank: int, steps: int
    ) -> None:
        found = parse_map(text)
        assert (found.kind, found.rank, found.steps) == (kind, rank, steps)

    @pytest.mark.parametrize(
        ("left", "exchange"),
        [
            ("SENSEX27NOV2680000CE", "BFO"),
            ("CRUDEOIL19NOV266500CE", "MCX"),
            ("USDINR27NOV2690CE", "CDS"),
            (f"{TYPED_CALL}:NFO", "NFO"),
        ],
    )
    def test_the_exchange_is_that_of_the_underlying(self, left: str, exchange: str) -> None:
        underlying = instrument_of(left.partition(":")[0], exchange).underlying
        assert parse_map(f"{left}={underlying}:month1:ATM").typed.exchange == exchange

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("NIFTY24NOV26FUT", "is not TYPED=EQUIVALENT"),
            ("=NIFTY-I", "is not TYPED=EQUIVALENT"),
            (f"{TYPED_FUTURE}=NIFTY", "NIFTY is no equivalent"),
            ("NIFTY=NIFTY-I", "NIFTY is no contract"),
            (
                f"{TYPED_CALL}=NIFTY-I",
                "NIFTY-I stands for a future, NIFTY28NOV2624000CE is an option",
            ),
            (
                f"{TYPED_FUTURE}=NIFTY:week1:ATM",
                "stands for an option, NIFTY24NOV26FUT is a future",
            ),
            (f"{TYPED_FUTURE}=BANKNIFTY-I", "is written on NIFTY, not on BANKNIFTY"),
            (f"{TYPED_CALL}=NIFTY:year1:ATM:CE", "YEAR1 is no rank of an expiry"),
            (f"{TYPED_CALL}=NIFTY:week0:ATM:CE", "WEEK0 is no rank"),
            (f"{TYPED_CALL}=NIFTY:week1:24000:CE", "24000 is no place among the strikes"),
            (f"{TYPED_CALL}=NIFTY:week1:OTM0:CE", "OTM0 is no place"),
            (f"{TYPED_CALL}=NIFTY:week1:ATM:PE", "is a CE, not a PE"),
            (f"{TYPED_CALL}:XYZ=NIFTY:week1:ATM", "XYZ"),
            ("../etc=NIFTY-I", "must be a symbol"),
        ],
    )
    def test_what_cannot_be_read_is_refused_with_the_forms(self, text: str, told: str) -> None:
        with pytest.raises(ConfigError) as refused:
            parse_map(text)
        assert told in refused.value.what
        assert text in refused.value.what
        assert refused.value.remedy

    @given(text=st.text(alphabet="NIFTY24NOV6U:=+-ATMCEweek1", max_size=40))
    def test_anything_is_read_or_refused(self, text: str) -> None:
        for read, form in ((parse_map, SymbolMap), (parse_alias, Alias)):
            with suppress(ConfigError):
                assert isinstance(read(text), form)

    def test_an_alias(self) -> None:
        alias = parse_alias("reliance:NSE=NIFTY:NSE_INDEX")
        assert (alias.asked, alias.given) == (("RELIANCE", "NSE"), ("NIFTY", "NSE_INDEX"))
        for text in ("RELIANCE:NSE", "RELIANCE=NIFTY:NSE_INDEX", "A:NSE=A:NSE", "A:NSX=B:NSE"):
            with pytest.raises(ConfigError, match="--alias"):
                parse_alias(text)


class TestFutures:
    @pytest.mark.parametrize(
        ("equivalent", "moment", "symbol"),
        [
            ("NIFTY-I", (2024, 7, 16, 10, 0), JULY),
            ("NIFTY-I", (2024, 7, 25, 15, 29), JULY),
            # The roll is at the open of the session after the expiry; the evening before, July's
            # has expired.
            ("NIFTY-I", (2024, 7, 25, 15, 30), AUGUST),
            ("NIFTY-I", (2024, 7, 26, 9, 15), AUGUST),
            ("NIFTY-II", (2024, 7, 16, 10, 0), AUGUST),
        ],
    )
    def test_the_month_is_that_of_the_date(
        self, board: ContractBoard, equivalent: str, moment: tuple[int, ...], symbol: str
    ) -> None:
        rule = parse_map(f"{TYPED_FUTURE}={equivalent}")
        assert future_at(rule, board, at(*moment)).symbol == symbol

    def test_another_month_never_stands_in(self, board: ContractBoard) -> None:
        with pytest.raises(DataNotFoundError, match="no future of NIFTY") as refused:
            future_at(parse_map(f"{TYPED_FUTURE}=NIFTY-II"), board, at(2024, 7, 26, 10, 0))
        assert "NIFTY-II" in (refused.value.remedy or "")

    def test_a_continuous_series_of_the_run_will_do(self, board: ContractBoard) -> None:
        near = bars("BANKNIFTY-I", "NFO", START, END, timeframe="1h", price=52_000)
        both = UnitedContracts([contracts_of_series([near]), board])
        rule = parse_map("BANKNIFTY26NOV26FUT=BANKNIFTY-I")
        assert future_at(rule, both, at(2024, 7, 16, 10, 0)).symbol == "BANKNIFTY-I"

    def test_without_rules_the_listed_ones_are_counted(self, tmp_path: Path) -> None:
        cache = CacheManager(tmp_path, clock=ClockAt(2026, 11, 2, 18, 0))
        for symbol in ("CRUDEOIL19AUG24FUT", "CRUDEOIL19SEP24FUT"):
            keep(cache, bars(symbol, "MCX", START, START, timeframe="1h", price=6_500))
        rule = parse_map("CRUDEOIL19NOV26FUT=CRUDEOIL-II")
        found = future_at(rule, ContractBoard(cache), at(2024, 7, 16, 10, 0))
        assert found.symbol == "CRUDEOIL19SEP24FUT"


class TestOptions:
    @pytest.mark.parametrize(
        ("equivalent", "moment", "symbol"),
        [
            ("week1:ATM", (2024, 7, 16, 11, 0), "NIFTY18JUL2424400CE"),
            ("week1:ATM+2", (2024, 7, 16, 11, 0), "NIFTY18JUL2424600CE"),
            ("week1:OTM2", (2024, 7, 16, 11, 0), "NIFTY18JUL2424600CE"),
            ("week1:ITM2", (2024, 7, 16, 11, 0), "NIFTY18JUL2424200CE"),
            ("week2:ATM-1", (2024, 7, 16, 11, 0), "NIFTY25JUL2424300CE"),
            # The monthly ends its week.
            ("month1:ATM", (2024, 7, 16, 11, 0), "NIFTY25JUL2424400CE"),
            ("month2:ATM", (2024, 7, 16, 11, 0), "NIFTY29AUG2424400CE"),
            ("week1:ATM", (2024, 7, 18, 15, 29), "NIFTY18JUL2424400CE"),
            ("week1:ATM", (2024, 7, 19, 9, 15), "NIFTY25JUL2424400CE"),
            ("week1:ATM", (2024, 7, 26, 9, 15), "NIFTY01AUG2424400CE"),
        ],
    )
    def test_expiry_by_rank_and_strike_by_distance(
        self, board: ContractBoard, equivalent: str, moment: tuple[int, ...], symbol: str
    ) -> None:
        rule = parse_map(f"{TYPED_CALL}=NIFTY:{equivalent}")
        assert option_at(rule, board, spot_is(24_420.0), at(*moment)).symbol == symbol

    def test_the_lower_of_two_strikes_is_the_middle_one(self, board: ContractBoard) -> None:
        rule = parse_map(f"{TYPED_PUT}=NIFTY:week1:OTM1")
        ts = at(2024, 7, 16, 11, 0)
        assert option_at(rule, board, spot_is(24_450.0), ts).symbol == "NIFTY18JUL2424300PE"

    def test_what_is_not_there_is_told(self, board: ContractBoard) -> None:
        ts = at(2024, 7, 16, 11, 0)
        for text, price, told in (
            ("week3:ATM", None, "no price of NIFTY is known at 2024-07-16 11:00"),
            ("week4:ATM", 24_420.0, "no CE of NIFTY of week4"),
            ("week1:ATM+9", 24_420.0, "stands \\+9 strikes from the money"),
            ("week1:ITM9", 24_420.0, "stands -9 strikes"),
        ):
            rule = parse_map(f"{TYPED_CALL}=NIFTY:{text}")
            with pytest.raises(DataNotFoundError, match=told):
                option_at(rule, board, spot_is(price), ts)

    def test_another_week_never_stands_in(self, cache: CacheManager) -> None:
        """Where the near week has no bars, the next one is not taken for it."""
        near = at(2024, 8, 5, 10, 0)
        rule = parse_map(f"{TYPED_CALL}=NIFTY:week1:ATM")
        with pytest.raises(DataNotFoundError, match="week1"):
            option_at(rule, ContractBoard(cache), spot_is(24_420.0), near)


class Book:
    """What a bot holds."""

    def __init__(self) -> None:
        self.held: set[tuple[str, str]] = set()

    def holds(self, symbol: str, exchange: str) -> bool:
        return (symbol, exchange) in self.held


class TestContractMap:
    def made(self, board: ContractBoard, book: Book, price: list[float]) -> ContractMap:
        rules = [
            parse_map(f"{TYPED_FUTURE}=NIFTY-I"),
            parse_map(f"{TYPED_CALL}=NIFTY:week1:ATM"),
        ]
        return ContractMap(
            rules, board, spot=lambda underlying, exchange, ts: price[0], held=book.holds
        )

    def test_what_is_not_mapped_is_itself(self, board: ContractBoard) -> None:
        maps = self.made(board, Book(), [24_420.0])
        assert maps.real("SBIN", "NSE", at(2024, 7, 16, 11, 0)) == ("SBIN", "NSE")
        assert maps.typed("SBIN", "NSE") == ("SBIN", "NSE")
        assert maps.findings() == ()

    def test_an_equivalent_is_chosen_once_a_date(self, board: ContractBoard) -> None:
        price = [24_420.0]
        maps = self.made(board, Book(), price)
        assert maps.real(TYPED_CALL, "NFO", at(2024, 7, 16, 11, 0)) == (
            "NIFTY18JUL2424400CE",
            "NFO",
        )
        price[0] = 24_710.0
        assert maps.real(TYPED_CALL, "NFO", at(2024, 7, 16, 14, 0)) == (
            "NIFTY18JUL2424400CE",
            "NFO",
        )
        assert maps.real(TYPED_CALL, "NFO", at(2024, 7, 18, 9, 30)) == (
            "NIFTY18JUL2424700CE",
            "NFO",
        )
        assert maps.real(TYPED_FUTURE, "NFO", at(2024, 7, 18, 9, 30)) == (JULY, "NFO")
        assert maps.typed(JULY, "NFO") == (TYPED_FUTURE, "NFO")
        assert maps.typed("NIFTY18JUL2424400CE", "NFO") == (TYPED_CALL, "NFO")

    def test_it_stays_while_it_is_held(self, board: ContractBoard) -> None:
        price, book = [24_420.0], Book()
        maps = self.made(board, book, price)
        key = maps.real(TYPED_CALL, "NFO", at(2024, 7, 16, 11, 0))
        assert key is not None
        book.held.add(key)
        price[0] = 24_710.0
        assert maps.real(TYPED_CALL, "NFO", at(2024, 7, 18, 11, 0)) == key
        assert maps.real(TYPED_CALL, "NFO", at(2024, 7, 19, 9, 15)) == key
        book.held.clear()
        assert maps.real(TYPED_CALL, "NFO", at(2024, 7, 19, 9, 16)) == (
            "NIFTY25JUL2424700CE",
            "NFO",
        )

    def test_what_stood_for_it_is_told(self, board: ContractBoard) -> None:
        maps = self.made(board, Book(), [24_420.0])
        for moment in ((2024, 7, 24, 10, 0), (2024, 7, 25, 10, 0), (2024, 7, 26, 10, 0)):
            maps.real(TYPED_FUTURE, "NFO", at(*moment))
        (finding,) = maps.findings()
        assert (finding.code, finding.severity, finding.count) == ("mapped", "note", 2)
        assert finding.message == (
            f"{TYPED_FUTURE} stood for {JULY} from 2024-07-24, {AUGUST} from 2024-07-26"
        )

    def test_what_has_no_equivalent_yet_is_asked_for_again(self, board: ContractBoard) -> None:
        maps = self.made(board, Book(), [24_420.0])
        assert maps.real(TYPED_FUTURE, "NFO", at(2024, 7, 15, 9, 15)) is None
        assert "no future of NIFTY" in maps.failures[TYPED_FUTURE, "NFO"].what
        assert maps.real(TYPED_FUTURE, "NFO", at(2024, 7, 15, 9, 30)) == (JULY, "NFO")
        assert not maps.failures

    def test_a_contract_is_mapped_once(self, board: ContractBoard) -> None:
        rules = [parse_map(f"{TYPED_FUTURE}=NIFTY-{place}") for place in ("I", "II")]
        with pytest.raises(ConfigError, match="mapped twice"):
            ContractMap(rules, board, spot=lambda *_: None, held=Book().holds)


def test_an_alias_has_the_others_bars_and_is_usable_at_most() -> None:
    index = bars("NIFTY", "NSE_INDEX", START, date(2024, 7, 16), price=24_420)
    found = aliased(index, parse_alias("RELIANCE:NSE=NIFTY:NSE_INDEX"))
    assert (found.symbol, found.exchange, found.timeframe) == ("RELIANCE", "NSE", "1m")
    for mine, theirs in zip(found.columns, index.columns, strict=True):
        assert np.array_equal(mine, theirs, equal_nan=True)
    assert found.origin.detail.startswith("NIFTY:NSE_INDEX:1m")
    verdict = verdict_of([each for each in found.findings if each.code == "alias"])
    assert verdict.grade == "usable"
    assert "RELIANCE:NSE was answered with the bars of NIFTY:NSE_INDEX" in verdict.reasons[0]
