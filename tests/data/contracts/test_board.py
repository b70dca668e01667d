"""The dated master and the chain: nothing is known before its time."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.broker.ports import Contracts
from tapeback.data.cache import CacheManager
from tapeback.data.contracts.board import Chain, ContractBoard, moneyness, nearest_strike
from tapeback.data.contracts.quotes import BarQuotes
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market.candles import Candles
from tapeback.market.instruments import instrument_of, symbol_of
from tapeback.models.candle import Series
from tapeback.utils.clock import MINUTE_NS, day_of
from tests.data.contracts.samples import ClockAt, at, bars, keep

FIRST, LAST = date(2025, 9, 22), date(2025, 9, 23)
WEEK, NEXT = day_of(date(2025, 9, 23)), day_of(date(2025, 9, 30))
NOON = at(2025, 9, 22, 12, 0)


def option(expiry: int, strike: float, kind: str) -> str:
    return symbol_of("NIFTY", expiry, strike=strike, option_type=kind)


def thinned(candles: Candles, every: int, start: int = 0) -> Candles:
    return Candles(candles.series, [c[start::every] for c in candles.columns], candles.origin)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> CacheManager:
    """NIFTY at about 25,000; a weekly with 13 strikes that is there all along, one strike (25,175)
    that is listed on the second day at 11:00, thin ones among them, the next weekly's calls, the
    month's future; daily bars of one contract beside its minutes."""
    cache = CacheManager(tmp_path_factory.mktemp("board"), clock=ClockAt(2026, 3, 2, 18, 0))
    keep(cache, bars("NIFTY", "NSE_INDEX", FIRST, LAST, price=25_000))
    strikes = [24_700 + 50 * n for n in range(13)]
    for number, strike in enumerate(strikes):
        for kind in ("CE", "PE"):
            made = bars(option(WEEK, strike, kind), "NFO", FIRST, LAST, seed=number)
            keep(cache, thinned(made, 7) if number % 5 == 4 else made)
    late = bars(option(WEEK, 25_175, "CE"), "NFO", LAST, LAST)
    keep(cache, late.between(at(2025, 9, 23, 11, 0), None))
    for strike in (24_900, 25_000, 25_100):
        keep(cache, bars(option(NEXT, strike, "CE"), "NFO", FIRST, LAST))
    keep(cache, bars("NIFTY30SEP25FUT", "NFO", FIRST, LAST, price=25_050))
    start = date(2025, 9, 17)
    keep(cache, bars(option(WEEK, 25_000, "CE"), "NFO", start, LAST, timeframe="1d"))
    return cache


@pytest.fixture(scope="module")
def board(world: CacheManager) -> ContractBoard:
    return ContractBoard(world)


def test_the_board_is_what_a_bot_s_client_asks(board: ContractBoard) -> None:
    contracts: Contracts = board
    assert contracts.expiries("NIFTY", "NFO", "options", NOON) == [WEEK, NEXT]


def test_expiries_strikes_and_symbols_are_those_listed_at_the_time(board: ContractBoard) -> None:
    # Of 17 September there is one daily bar, of one contract: known from that day's close on.
    assert board.expiries("NIFTY", "NFO", "options", at(2025, 9, 17, 15, 29, 59)) == []
    assert board.expiries("NIFTY", "NFO", "options", at(2025, 9, 17, 15, 30)) == [WEEK]
    assert board.strikes("NIFTY", "NFO", WEEK, "CE", at(2025, 9, 19, 10, 0)) == [25_000]
    assert board.expiries("NIFTY", "NSE_INDEX", "options", NOON) == [WEEK, NEXT]
    assert board.expiries("NIFTY", "NFO", "futures", NOON) == [NEXT]
    assert board.strikes("NIFTY", "NFO", WEEK, "PE", NOON) == [24_700 + 50 * n for n in range(13)]
    assert board.symbol("NIFTY30SEP25FUT", "NFO", NOON) == instrument_of("NIFTY30SEP25FUT", "NFO")
    assert board.symbol("NIFTY30SEP25FUT", "NFO", at(2025, 9, 22, 9, 15)) is None
    assert board.symbol("NIFTY28OCT25FUT", "NFO", NOON) is None


def test_a_contract_is_known_from_the_close_of_its_first_bar(board: ContractBoard) -> None:
    symbol = option(WEEK, 25_175, "CE")
    assert board.symbol(symbol, "NFO", at(2025, 9, 23, 11, 0, 59)) is None
    found = board.symbol(symbol, "NFO", at(2025, 9, 23, 11, 1))
    assert found is not None
    assert found.strike == 25_175
    assert 25_175 not in board.strikes("NIFTY", "NFO", WEEK, "CE", at(2025, 9, 23, 11, 0))
    assert 25_175 in board.strikes("NIFTY", "NFO", WEEK, "CE", at(2025, 9, 23, 11, 1))


def test_a_contract_is_gone_when_its_last_session_ends(board: ContractBoard) -> None:
    symbol = option(WEEK, 25_000, "CE")
    assert board.symbol(symbol, "NFO", at(2025, 9, 23, 15, 29, 59)) is not None
    assert board.symbol(symbol, "NFO", at(2025, 9, 23, 15, 30)) is None
    assert board.expiries("NIFTY", "NFO", "options", at(2025, 9, 23, 15, 30)) == [NEXT]
    left = {each.symbol for each in board.instruments("NFO", at(2025, 9, 23, 15, 30))}
    assert left == {f"NIFTY30SEP25{strike}CE" for strike in (24900, 25000, 25100)} | {
        "NIFTY30SEP25FUT"
    }


def test_the_middle_strike_is_the_nearest_the_lower_of_two() -> None:
    assert nearest_strike([24_900, 24_950, 25_000], 24_975) == 24_950
    assert nearest_strike([24_900, 24_950, 25_000], 24_975.05) == 25_000
    assert (moneyness(0, "CE"), moneyness(2, "CE"), moneyness(2, "PE")) == ("ATM", "OTM2", "ITM2")
    assert (moneyness(-3, "CE"), moneyness(-3, "PE")) == ("ITM3", "OTM3")


@pytest.mark.parametrize(
    ("offset", "kind", "strike"),
    [("ATM", "CE", 25_150), ("OTM1", "CE", 25_175), ("OTM2", "CE", 25_200), ("ITM2", "CE", 25_050),
     ("OTM2", "PE", 25_050), ("ITM1", "PE", 25_200)],
)  # fmt: skip
def test_an_option_symbol_moves_by_listed_strikes(
    board: ContractBoard, offset: str, kind: str, strike: float
) -> None:
    """25,175 is listed as a call alone, and not yet on the first day."""
    ts = at(2025, 9, 23, 12, 0)
    found = board.option_symbol("NIFTY", "NSE_INDEX", WEEK, offset, kind, ts, spot=25_160)
    assert found.symbol == option(WEEK, strike, kind)
    if (offset, kind) == ("OTM1", "CE"):
        before = board.option_symbol("NIFTY", "NSE_INDEX", WEEK, offset, kind, NOON, spot=25_160)
        assert before.strike == 25_200


def test_what_cannot_be_resolved_says_why(board: ContractBoard) -> None:
    with pytest.raises(DataError, match="OTM11 lies beyond the 13 listed strikes"):
        board.option_symbol("NIFTY", "NFO", WEEK, "OTM11", "PE", NOON, spot=25_200)
    with pytest.raises(DataError, match="no offset"):
        board.option_symbol("NIFTY", "NFO", WEEK, "XTM", "PE", NOON)
    with pytest.raises(DataNotFoundError, match=r"expires on 07OCT25.*23SEP25, 30SEP25"):
        board.chain("NIFTY", "NFO", day_of(date(2025, 10, 7)), NOON)
    with pytest.raises(DataNotFoundError, match="tapeback data import"):
        board.chain("BANKNIFTY", "NFO", NEXT, NOON)


def test_a_chain_shows_the_last_closed_bar_and_the_day_so_far(
    world: CacheManager, board: ContractBoard
) -> None:
    ts = at(2025, 9, 23, 11, 30, 20)
    chain = board.chain("NIFTY", "NSE_INDEX", WEEK, ts, strikes=3)
    spot = world.read(Series("NIFTY", "NSE_INDEX", "1m"))
    assert spot is not None
    assert chain.spot == spot.close[np.searchsorted(spot.ts, at(2025, 9, 23, 11, 29))]
    assert [row.strike for row in chain.rows] == sorted(row.strike for row in chain.rows)
    middle = next(row for row in chain.rows if row.strike == chain.atm)
    assert middle.ce is not None
    assert middle.ce.label == "ATM"
    assert middle.ce.instrument.lot_size == 75
    candles = world.read(Series(middle.ce.instrument.symbol, "NFO", "1m"))
    assert candles is not None
    quote = middle.ce.quote
    today = candles.between(at(2025, 9, 23, 9, 15), at(2025, 9, 23, 11, 30))
    assert quote.ts == int(today.ends[-1]) <= ts
    assert (quote.ltp, quote.open) == (today.close[-1], today.open[0])
    assert (quote.high, quote.low) == (today.high.max(), today.low.min())
    assert quote.volume == today.volume.sum()
    assert quote.prev_close == candles.between(None, at(2025, 9, 23, 0, 0)).close[-1]


def test_a_chain_of_all_strikes_has_none_for_what_is_not_listed(board: ContractBoard) -> None:
    chain = board.chain("NIFTY", "NFO", WEEK, at(2025, 9, 23, 12, 0), strikes=None, spot=25_000)
    assert len(chain.rows) == 14
    late = next(row for row in chain.rows if row.strike == 25_175)
    assert late.ce is not None
    assert late.pe is None
    document = chain.to_dict()
    assert (document["expiry"], document["time"]) == ("2025-09-23", "2025-09-23 12:00:00")
    assert document["rows"][0]["ce"]["label"] == "ITM6"


def test_before_the_day_s_first_bar_closes_a_quote_is_yesterday_s(board: ContractBoard) -> None:
    quote = board.quote(option(WEEK, 24_700, "CE"), "NFO", at(2025, 9, 23, 9, 15, 30))
    assert quote is not None
    assert quote.ts == at(2025, 9, 22, 15, 30)
    assert quote.prev_close == quote.ltp
    assert np.isnan(quote.open)
    assert quote.volume == 0


def test_daily_bars_stand_in_only_where_they_are_newer(board: ContractBoard) -> None:
    symbol = option(WEEK, 25_000, "CE")
    friday = board.quote(symbol, "NFO", at(2025, 9, 19, 12, 0))
    assert friday is not None
    assert friday.ts == at(2025, 9, 18, 15, 30)
    monday = board.quote(symbol, "NFO", at(2025, 9, 22, 12, 0))
    assert monday is not None
    assert monday.ts == at(2025, 9, 22, 12, 0)


def test_without_the_underlying_its_future_gives_the_price(tmp_path: Path) -> None:
    cache = CacheManager(tmp_path, clock=ClockAt(2026, 3, 2, 18, 0))
    keep(cache, bars(option(WEEK, 25_000, "CE"), "NFO", FIRST, FIRST))
    board = ContractBoard(cache)
    assert board.spot("NIFTY", "NFO", NOON) is None
    with pytest.raises(DataNotFoundError, match="import NIFTY of NSE_INDEX"):
        board.chain("NIFTY", "NFO", WEEK, NOON)
    keep(cache, bars("NIFTY30SEP25FUT", "NFO", FIRST, FIRST, price=25_050))
    future = cache.read(Series("NIFTY30SEP25FUT", "NFO", "1m"))
    assert future is not None
    assert (
        ContractBoard(cache).chain("NIFTY", "NFO", WEEK, NOON).spot
        == (future.close[np.searchsorted(future.ts, NOON) - 1])
    )


def cut(world: CacheManager, folder: Path, ts: int) -> CacheManager:
    """The same world as it was written down at an instant: without what had not closed."""
    cache = CacheManager(folder, clock=ClockAt(2026, 3, 2, 18, 0))
    for stored in world.stored():
        candles = world.read(stored.series)
        assert candles is not None
        closed = candles[: int(np.searchsorted(candles.ends, ts, side="right"))]
        if len(closed):
            keep(cache, closed)
    return cache


def answers(board: ContractBoard, ts: int) -> tuple[object, ...]:
    """Everything that can be asked at an instant."""
    asked: list[object] = [
        sorted(each.symbol for each in board.instruments("NFO", ts)),
        board.expiries("NIFTY", "NFO", "options", ts),
        board.expiries("NIFTY", "NFO", "futures", ts),
        board.spot("NIFTY", "NFO", ts),
    ]
    for expiry in (WEEK, NEXT):
        asked += [board.strikes("NIFTY", "NFO", expiry, kind, ts) for kind in ("CE", "PE")]
        try:
            chain: Chain | str = board.chain("NIFTY", "NFO", expiry, ts, strikes=None)
        except DataNotFoundError as error:
            chain = str(error)
        asked.append(repr(chain))
    return tuple(asked)


@pytest.mark.parametrize(
    "moment",
    [(22, 9, 15, 0), (22, 9, 16, 0), (22, 12, 0, 59), (22, 15, 30, 0), (23, 9, 15, 30),
     (23, 11, 0, 59), (23, 11, 1, 0), (23, 15, 29, 59), (23, 15, 30, 0), (24, 10, 0, 0)],
)  # fmt: skip
def test_what_comes_later_changes_no_answer(
    world: CacheManager, board: ContractBoard, tmp_path: Path, moment: tuple[int, ...]
) -> None:
    ts = at(2025, 9, *moment)
    assert answers(ContractBoard(cut(world, tmp_path, ts)), ts) == answers(board, ts)


@given(
    minutes=st.sets(st.integers(0, 374), min_size=1, max_size=40),
    seconds=st.integers(0, 380 * 60),
    frame=st.sampled_from(["1m", "5m", "1h"]),
)
def test_a_quote_never_knows_a_bar_that_has_not_closed(
    quoting: tuple[CacheManager, Path], minutes: set[int], seconds: int, frame: str
) -> None:
    """Any bars of a day, at any second: the quote is that of the bars alone that had closed."""
    cache, _ = quoting
    length = {"1m": 1, "5m": 5, "1h": 60}[frame]
    opens = at(2025, 9, 22, 9, 15)
    stamps = np.array(sorted({minute // length * length for minute in minutes})) * MINUTE_NS + opens
    prices = 100.0 + np.arange(len(stamps))
    series = Series(option(WEEK, 25_000, "CE"), "NFO", frame)
    candles = Candles.from_arrays(
        symbol=series.symbol, exchange="NFO", timeframe=frame, ts=stamps,
        open=prices, high=prices, low=prices, close=prices, volume=prices,
    )  # fmt: skip
    cache.clear(symbol=series.symbol)
    keep(cache, candles)
    ts = opens + seconds * MINUTE_NS // 60
    ends = np.minimum(stamps + length * MINUTE_NS, at(2025, 9, 22, 15, 30))
    closed = int(np.count_nonzero(ends <= ts))
    quote = BarQuotes(cache).quote([series], ts)
    if not closed:
        assert quote is None
    else:
        assert quote is not None
        assert (quote.ltp, quote.ts) == (prices[closed - 1], int(ends[closed - 1]))
        assert quote.volume == prices[:closed].sum()


@pytest.fixture(scope="module")
def quoting(tmp_path_factory: pytest.TempPathFactory) -> tuple[CacheManager, Path]:
    folder = tmp_path_factory.mktemp("quoting")
    return CacheManager(folder, clock=ClockAt(2026, 3, 2, 18, 0)), folder


def test_columns_beyond_the_memory_are_given_up_and_read_again(world: CacheManager) -> None:
    ample, tight = BarQuotes(world), BarQuotes(world, memory=100_000)
    for strike in (24_700, 24_750, 24_800, 24_700, 24_800):
        series = [Series(option(WEEK, strike, "CE"), "NFO", "1m")]
        assert repr(tight.quote(series, NOON)) == repr(ample.quote(series, NOON))
    assert tight.held_bytes <= 100_000 < ample.held_bytes
