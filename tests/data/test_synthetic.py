"""Synthetic bars: on the session grid, with the volatility asked for, and never mistaken."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tapeback.data.provider import DataProvider, DataRequest
from tapeback.data.quality import inspect
from tapeback.data.synthetic import START_PRICES, SyntheticDataProvider
from tapeback.data.walk import REGIMES
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market.candles import Candles
from tapeback.market.cleaning import clean
from tapeback.market.settling.corporate_actions import ActionBook
from tests.data.conformance import DataProviderContract, dates_of, same_bars


class TestContract(DataProviderContract):
    @pytest.fixture
    def provider(self) -> DataProvider:
        return SyntheticDataProvider(42)

    @pytest.fixture
    def whole(self) -> DataRequest:
        return DataRequest(symbol="RELIANCE", exchange="NSE")


def fetch(
    provider: SyntheticDataProvider | None = None,
    *,
    symbol: str = "RELIANCE",
    exchange: str = "NSE",
    timeframe: str | None = None,
    start: date | None = None,
    end: date | None = None,
) -> Candles:
    request = DataRequest(
        symbol=symbol, exchange=exchange, timeframe=timeframe, start=start, end=end
    )
    return (provider or SyntheticDataProvider(42)).fetch(request)


def daily_returns(candles: Candles) -> np.ndarray:
    return np.diff(np.log(candles.resample("1d").close))


def test_defect_48_synthetic_candles_say_so() -> None:
    origin = fetch(timeframe="1d").origin
    assert origin.synthetic
    assert "seed=42" in origin.detail
    assert "regime=normal" in origin.detail


def test_without_dates_it_is_the_year_2024_in_the_sessions_that_it_had() -> None:
    candles = fetch()
    days = dates_of(candles)
    assert (days[0], days[-1]) == (date(2024, 1, 1), date(2024, 12, 31))
    # 262 weekdays, 17 of them holidays with one Muhurat evening among these, three Saturdays.
    assert len(days) == 262 - 17 + 1 + 3
    assert {day for day in days if day.weekday() >= 5} == {
        date(2024, 1, 20),
        date(2024, 3, 2),
        date(2024, 5, 18),
    }
    assert date(2024, 8, 15) not in days
    # 246 full sessions, the two drills of 105 and 100 minutes, the Muhurat hour.
    assert len(candles) == 246 * 375 + 105 + 100 + 60


def clocks_of(day: date, **settings: object) -> list[str]:
    return [f"{c.timestamp:%H:%M}" for c in fetch(start=day, end=day, **settings)]


def test_short_sessions_have_their_own_hours() -> None:
    drill = clocks_of(date(2024, 3, 2))
    assert (drill[0], drill[44], drill[45], drill[-1]) == ("09:15", "09:59", "11:30", "12:29")
    assert len(drill) == 105
    muhurat = clocks_of(date(2024, 11, 1))
    assert (muhurat[0], muhurat[-1], len(muhurat)) == ("18:00", "18:59", 60)
    assert clocks_of(date(2009, 6, 1))[0] == "09:55"
    evening = clocks_of(date(2026, 3, 3), symbol="GOLD", exchange="MCX")
    assert (evening[0], evening[-1]) == ("17:00", "23:54")


def test_a_closing_auction_is_one_print_of_one_price() -> None:
    day = date(2026, 8, 3)
    print_ = fetch(start=day, end=day)[-1]
    assert clocks_of(day)[-2:] == ["15:14", "15:30"]
    assert print_.open == print_.high == print_.low == print_.close
    assert print_.volume > 0
    assert clocks_of(day, symbol="SMALLCAP")[-1] == "15:29"
    assert clocks_of(day, symbol="NIFTY25AUG26FUT", exchange="NFO")[-1] == "15:39"


def test_a_short_session_moves_and_trades_less_than_a_full_one() -> None:
    def measures(day: date) -> tuple[float, float]:
        runs = [
            fetch(SyntheticDataProvider(seed), start=day, end=day, timeframe="1d")[0]
            for seed in range(150)
        ]
        moves = [np.log(bar.close / bar.open) for bar in runs]
        return float(np.std(moves)), float(np.mean([bar.volume for bar in runs]))

    (hour, traded), (full, volume) = measures(date(2024, 11, 1)), measures(date(2024, 10, 31))
    assert hour / full == pytest.approx((60 / 375) ** 0.5, rel=0.2)
    assert traded / volume == pytest.approx(60 / 375, rel=0.1)


def test_one_date_gives_the_year_from_it_or_up_to_it() -> None:
    assert dates_of(fetch(start=date(2023, 6, 1)))[-1] == date(2024, 5, 30)
    assert dates_of(fetch(end=date(2023, 6, 1)))[0] == date(2022, 6, 2)


def test_defect_49_bars_lie_on_the_session_grid_and_nights_have_gaps() -> None:
    candles = fetch()
    clocks = {f"{candle.timestamp:%H:%M}" for candle in candles[:375]}
    assert (min(clocks), max(clocks), len(clocks)) == ("09:15", "15:29", 375)
    assert inspect(candles, ActionBook(())) == ()
    firsts = candles.session_firsts[1:]
    gaps = np.log(candles.open[firsts] / candles.close[firsts - 1])
    assert np.count_nonzero(gaps) > 240
    assert gaps.std() == pytest.approx(0.01, rel=0.15)
    inside = np.delete(np.arange(1, len(candles)), firsts - 1)
    assert (candles.open[inside] == candles.close[inside - 1]).all()


def full_sessions(candles: Candles, column: np.ndarray) -> np.ndarray:
    """A column of a year's 1m bars, one row for each session of 375 of them."""
    parts = np.split(column, candles.session_firsts[1:])
    return np.array([part for part in parts if len(part) == 375])


def test_defect_49_symbols_start_at_prices_of_their_own() -> None:
    for symbol, price in START_PRICES.items():
        assert fetch(symbol=symbol, timeframe="1d").open[0] == price
    others = {fetch(symbol=name, timeframe="1d").open[0] for name in ("SBIN", "ITC", "LT", "TCS")}
    assert len(others) == 4
    assert all(100 <= price <= 3000 for price in others)
    assert fetch(SyntheticDataProvider(1, initial_price=77.5), timeframe="1d").open[0] == 77.5


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("volatility", [0.005, 0.02, 0.04])
def test_defect_49_the_volatility_asked_for_is_realised(seed: int, volatility: float) -> None:
    candles = fetch(SyntheticDataProvider(seed, volatility=volatility), timeframe="15m")
    assert daily_returns(candles).std(ddof=1) == pytest.approx(volatility, rel=0.1)


def test_volatility_is_the_same_at_every_timeframe() -> None:
    minutes = fetch(SyntheticDataProvider(3))
    for timeframe, bars in (("1m", 375), ("15m", 25), ("1d", 1)):
        returns = np.diff(np.log(minutes.resample(timeframe).close))
        assert returns.std() * np.sqrt(bars) == pytest.approx(0.02, rel=0.1)


def test_the_trend_asked_for_is_the_mean_return_over_many_seeds() -> None:
    def mean(trend: float) -> float:
        runs = (SyntheticDataProvider(seed, trend=trend) for seed in range(30))
        return float(np.mean([daily_returns(fetch(run, timeframe="1d")).mean() for run in runs]))

    assert mean(0.002) - mean(0.0) == pytest.approx(0.002, rel=0.02)
    assert mean(0.0) == pytest.approx(0.0, abs=3 * 0.02 / np.sqrt(30 * 249))


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("price", [1.0, 150.0, 45000.0])
def test_prices_are_consistent_and_on_the_tick_grid(regime: str, price: float) -> None:
    candles = fetch(SyntheticDataProvider(5, regime=regime, initial_price=price))
    assert clean(candles.columns, where="synthetic")[1] == ()
    for column in (candles.open, candles.high, candles.low, candles.close):
        assert (column > 0).all()
        assert np.allclose(column / 0.05, np.rint(column / 0.05), atol=1e-6)
        assert (np.round(column, 2) == column).all()


def test_volume_is_whole_u_shaped_and_as_much_as_asked_for() -> None:
    candles = fetch(SyntheticDataProvider(7, volume=3_000_000))
    volume = candles.volume
    assert (volume == np.rint(volume)).all()
    assert (volume >= 0).all()
    sessions = full_sessions(candles, volume)
    assert sessions.sum(axis=1).mean() == pytest.approx(3_000_000, rel=0.1)
    early, noon, late = (sessions[:, part].mean() for part in np.s_[:30, 170:200, -30:])
    assert early > 1.5 * noon
    assert late > 1.5 * noon


def test_volatility_within_a_session_is_u_shaped() -> None:
    candles = fetch(SyntheticDataProvider(7))
    spread = full_sessions(candles, np.log(candles.high / candles.low))
    early, noon, late = (spread[:, part].mean() for part in np.s_[:30, 170:200, -30:])
    assert early > 1.2 * noon
    assert late > 1.2 * noon


def test_indices_have_no_volume_and_nothing_has_open_interest() -> None:
    index = fetch(symbol="NIFTY", exchange="NSE_INDEX", timeframe="1d")
    assert np.isnan(index.volume).all()
    assert not index.has_volume
    assert np.isnan(fetch(timeframe="1d").oi).all()


def test_commodities_keep_their_own_hours() -> None:
    day = date(2024, 1, 2)
    candles = fetch(symbol="GOLD", exchange="MCX", start=day, end=day)
    assert f"{candles[0].timestamp:%H:%M}" == "09:00"
    assert f"{candles[-1].timestamp:%H:%M}" == "23:54"


@pytest.mark.parametrize("regime", REGIMES)
def test_a_date_has_the_same_bars_whatever_range_is_asked_for(regime: str) -> None:
    provider = SyntheticDataProvider(11, regime=regime)
    for month in (date(2021, 6, 1), date(2024, 6, 3), date(2026, 6, 1)):
        part = fetch(provider, start=month, end=month.replace(day=20))
        long = fetch(provider, start=date(2020, 3, 1), end=date(2027, 2, 1))
        cut = long.between(int(part.ts[0]), int(part.ts[-1]) + 1)
        assert same_bars(part, cut)


def test_seed_symbol_exchange_and_parameters_make_the_bars() -> None:
    base = fetch(timeframe="1d")
    assert same_bars(base, fetch(timeframe="1d"))
    others = [
        fetch(SyntheticDataProvider(43), timeframe="1d"),
        fetch(SyntheticDataProvider(-42), timeframe="1d"),
        fetch(SyntheticDataProvider(42, volatility=0.01), timeframe="1d"),
        fetch(symbol="INFY", timeframe="1d"),
        fetch(exchange="BSE", timeframe="1d"),
    ]
    assert len({base.sha256, *(other.sha256 for other in others)}) == 6
    returns = daily_returns(base)
    for other in (others[0], others[3], others[4]):
        assert abs(np.corrcoef(returns, daily_returns(other))[0, 1]) < 0.3


def test_regimes_are_what_their_names_say() -> None:
    def mean_of(measure: object, regime: str, **settings: float) -> float:
        runs = (SyntheticDataProvider(s, regime=regime, **settings) for s in range(12))
        return float(np.mean([measure(fetch(run, timeframe="1d")) for run in runs]))

    def final(candles: Candles) -> float:
        return float(np.log(candles.close[-1] / candles.open[0]))

    def wandering(candles: Candles) -> float:
        return float(np.log(candles.high.max() / candles.low.min()))

    def clustering(candles: Candles) -> float:
        size = np.abs(daily_returns(candles))
        return float(np.corrcoef(size[1:], size[:-1])[0, 1])

    def largest(candles: Candles) -> float:
        return float(np.abs(daily_returns(candles)).max() / 0.02)

    assert mean_of(final, "trend") > mean_of(final, "normal") + 0.4
    assert mean_of(final, "trend", trend=-0.0001) < mean_of(final, "normal") - 0.4
    assert mean_of(wandering, "sideways") < 0.6 * mean_of(wandering, "normal")
    assert mean_of(lambda c: daily_returns(c).std(), "sideways") == pytest.approx(0.02, rel=0.1)
    assert mean_of(clustering, "volatile") > mean_of(clustering, "normal") + 0.1
    assert mean_of(lambda c: daily_returns(c).std(), "volatile") > 0.03
    assert mean_of(largest, "jump") > mean_of(largest, "normal") + 1


def test_no_volatility_gives_a_straight_line() -> None:
    candles = fetch(SyntheticDataProvider(1, volatility=0.0, trend=0.0, initial_price=100.0))
    assert set(np.unique(candles.close)) == {100.0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"regime": "trending"}, r"unknown regime 'trending' \(did you mean 'trend'\?\)"),
        ({"initial_price": 0.0}, "initial_price is 0.0, not above 0"),
        ({"volatility": -0.1}, "volatility is -0.1, not 0 or above"),
        ({"volatility": float("nan")}, "volatility is nan"),
        ({"trend": float("inf")}, "trend is inf, not finite"),
        ({"volume": -1.0}, "volume is -1.0, not 0 or above"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        SyntheticDataProvider(1, **settings)


def test_dates_beyond_what_can_be_made_are_refused() -> None:
    with pytest.raises(DataNotFoundError, match="from 1980 to 2200, not to 1900-01-01"):
        fetch(start=date(1900, 1, 1), end=date(1900, 2, 1))
