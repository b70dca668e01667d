"""Options priced by a model: the formula, the smile, the bars, what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from math import erfc, exp, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.core.path import low_first, path_times
from tapeback.data.contracts.modelled import (
    RATE,
    SESSIONS_A_YEAR,
    SessionClock,
    modelled_fills,
    modelled_option,
)
from tapeback.data.contracts.premiums import (
    KURTOSIS,
    SKEWNESS,
    Floats,
    premiums,
    shares_below,
    smiled,
)
from tapeback.data.files import FileDataProvider
from tapeback.data.provider import DataRequest
from tapeback.errors import DataError
from tapeback.market import black76
from tapeback.market.candles import Candles
from tapeback.market.instruments import instrument_of
from tapeback.models.fill import FillColumns
from tapeback.models.finding import Finding, Origin
from tapeback.models.trade import Trade
from tapeback.models.verdict import verdict_of
from tapeback.utils.clock import DAY_NS, MINUTE_NS, day_of
from tests.data.contracts.samples import at, bars

# Thursdays on which NIFTY options expired.
WEEKLY, MONTHLY = "NIFTY18JUL24", "NIFTY25JUL24"
EXPIRY = day_of(date(2024, 7, 25))


def column(*values: float) -> Floats:
    return np.array(values, np.float64)


def one(
    call: bool, forward: float, strike: float, years: float, sigma: float, discount: float
) -> float:
    found = premiums(call, column(forward), strike, column(years), column(sigma), column(discount))
    return float(found[0])


class TestPremiums:
    def test_hulls_textbook_values(self) -> None:
        """Options, Futures and Other Derivatives: a put on a crude future, a share, an index."""
        assert one(False, 60, 60, 4 / 12, 0.25, exp(-0.09 * 4 / 12)) == pytest.approx(
            3.35, abs=5e-3
        )
        share, half = 42 * exp(0.1 * 0.5), exp(-0.1 * 0.5)
        assert one(True, share, 40, 0.5, 0.2, half) == pytest.approx(4.76, abs=5e-3)
        assert one(False, share, 40, 0.5, 0.2, half) == pytest.approx(0.81, abs=5e-3)
        index = 930 * exp((0.08 - 0.03) / 6)
        assert one(True, index, 900, 1 / 6, 0.2, exp(-0.08 / 6)) == pytest.approx(51.83, abs=5e-3)

    @given(
        call=st.booleans(),
        forward=st.floats(10, 1e5),
        ratio=st.floats(0.3, 3),
        years=st.floats(0, 2),
        sigma=st.floats(0.01, 2),
    )
    def test_one_price_is_that_of_black76(
        self, call: bool, forward: float, ratio: float, years: float, sigma: float
    ) -> None:
        scalar = black76.price(call, forward, forward * ratio, years, sigma, 0.07)
        columns = one(call, forward, forward * ratio, years, sigma, exp(-0.07 * years))
        assert columns == pytest.approx(scalar, abs=forward * 1e-12)

    @given(x=st.floats(-30, 30))
    def test_the_share_below_is_that_of_the_library(self, x: float) -> None:
        assert float(shares_below(column(x))[0]) == pytest.approx(erfc(-x / sqrt(2)) / 2, abs=1e-15)

    @given(
        forward=st.floats(100, 50_000),
        ratio=st.floats(0.7, 1.4),
        years=st.floats(1e-5, 1),
        sigma=st.floats(0.05, 1),
        discount=st.floats(0.9, 1),
        smile=st.booleans(),
    )
    def test_call_less_put_is_forward_less_strike(
        self, forward: float, ratio: float, years: float, sigma: float, discount: float, smile: bool
    ) -> None:
        strike = forward * ratio
        call, put = (
            premiums(
                side, column(forward), strike, column(years), column(sigma), column(discount),
                smile=smile,
            )[0]
            for side in (True, False)
        )  # fmt: skip
        assert call - put == pytest.approx(discount * (forward - strike), abs=forward * 1e-9)
        assert call >= discount * (forward - strike) - 1e-9 * forward
        assert 0 <= call <= forward

    @given(
        ratio=st.floats(0.8, 1.25),
        years=st.floats(1e-4, 0.3),
        sigma=st.floats(0.06, 0.8),
        more=st.floats(0.001, 0.1),
        call=st.booleans(),
    )
    def test_more_volatility_makes_no_option_cheaper(
        self, ratio: float, years: float, sigma: float, more: float, call: bool
    ) -> None:
        less, greater = premiums(
            call, column(24_000, 24_000), 24_000 * ratio, column(years, years),
            column(sigma, sigma + more), column(1, 1), smile=True,
        )  # fmt: skip
        assert greater >= less - 1e-6

    @pytest.mark.parametrize("years", [1 / 252, 5 / 252, 21 / 252, 63 / 252])
    @pytest.mark.parametrize("sigma", [0.1, 0.15, 0.3])
    def test_strikes_are_in_order_under_the_smile(self, years: float, sigma: float) -> None:
        """A higher strike makes a call cheaper, a put dearer, both by no more than the strike."""
        strikes = np.arange(18_000, 30_050, 50.0)
        for call in (True, False):
            found = [
                premiums(
                    call, column(24_000), k, column(years), column(sigma), column(1), smile=True
                )[0]
                for k in strikes
            ]
            moves = np.diff(found) * (-1 if call else 1)
            assert (moves >= -0.01).all()
            assert (moves <= 50.01).all()

    def test_far_from_the_money_nothing_or_all_of_it_is_left(self) -> None:
        assert one(True, 24_000, 48_000, 5 / 252, 0.15, 1) < 1e-9
        assert one(True, 24_000, 12_000, 5 / 252, 0.15, 0.99) == pytest.approx(0.99 * 12_000)
        assert one(False, 24_000, 24_500, 0, 0.15, 1) == 500
        assert one(True, 24_000, 24_500, 0, 0.15, 1) == 0


class TestSmile:
    def test_it_is_the_stated_quadratic(self) -> None:
        root = sqrt(5 / 252)
        for d in (-2.0, -0.5, 0.0, 1.0, 2.5):
            distance = 0.15 * root * (d - 0.15 * root / 2)
            found = smiled(column(distance), column(0.15), column(root))[0]
            expected = 0.15 * (1 - SKEWNESS / 6 * d - KURTOSIS / 24 * (1 - d * d))
            assert found == pytest.approx(expected, rel=1e-9)

    def test_puts_below_the_money_cost_more_volatility_than_calls_above(self) -> None:
        root = column(sqrt(21 / 252))
        below = smiled(column(0.05), column(0.15), root)[0]
        middle = smiled(column(0.0), column(0.15), root)[0]
        above = smiled(column(-0.05), column(0.15), root)[0]
        assert below > above > middle - 0.005
        assert middle == pytest.approx(0.15 * 15 / 16, rel=1e-2)

    def test_its_moments_are_those_of_niftys_moves(self, shared_data: Path) -> None:
        """Of five sessions, each measured by the 21 before: 2007 to 2022."""
        days = FileDataProvider(shared_data / "market" / "NIFTY_1d_2007_2022.csv").fetch(
            DataRequest(symbol="NIFTY", exchange="NSE_INDEX", timeframe="1d")
        )
        logs = np.log(days.close)
        moves = np.diff(logs)
        sizes = np.array([moves[n - 21 : n].std(ddof=1) for n in range(21, len(moves) - 4)])
        weeks = (logs[26:] - logs[21:-5])[: len(sizes)] / sizes / sqrt(5)
        weeks -= weeks.mean()
        skewness = (weeks**3).mean() / weeks.std() ** 3
        kurtosis = (weeks**4).mean() / weeks.std() ** 4 - 3
        assert skewness == pytest.approx(SKEWNESS, abs=0.1)
        assert kurtosis == pytest.approx(KURTOSIS, abs=0.3)


@pytest.fixture(scope="module")
def spot() -> Candles:
    return bars("NIFTY", "NSE_INDEX", date(2024, 7, 15), date(2024, 7, 29), price=24_400)


def option(symbol: str, underlying: Candles, **changes: object) -> Candles:
    changes.setdefault("volatility", 0.14)
    return modelled_option(instrument_of(symbol, "NFO"), underlying, **changes)  # type: ignore[arg-type]


class TestBars:
    def test_there_is_one_for_each_of_the_underlying_up_to_the_expiry(self, spot: Candles) -> None:
        made = option(f"{MONTHLY}24400CE", spot)
        kept = spot.ts[spot.days <= EXPIRY]
        assert np.array_equal(made.ts, kept)
        assert (made.symbol, made.exchange, made.timeframe) == (f"{MONTHLY}24400CE", "NFO", "1m")
        assert np.isnan(made.volume).all()
        assert np.isnan(made.oi).all()
        assert not made.has_volume

    def test_prices_are_bars_on_the_tick(self, spot: Candles) -> None:
        for symbol in (f"{MONTHLY}24400CE", f"{MONTHLY}25000PE", f"{MONTHLY}30000CE"):
            made = option(symbol, spot)
            for price in made.columns[1:5]:
                assert np.abs(np.round(price / 0.05) * 0.05 - price).max() < 1e-9
                assert (price >= made.low).all()
                assert (price <= made.high).all()
                assert price.min() >= 0.05
        assert float(option(f"{MONTHLY}30000CE", spot).close[-1]) == 0.05

    @pytest.mark.parametrize("timeframe", ["1m", "1d"])
    def test_calls_follow_the_underlying_and_puts_oppose_it(
        self, spot: Candles, timeframe: str
    ) -> None:
        first = spot.resample(timeframe)[:1]
        call, put = (option(f"{MONTHLY}24400{side}", first)[0] for side in ("CE", "PE"))
        bar = first[0]
        starts, ends = int(first.starts[0]), int(first.ends[0])
        low = low_first("nearer", 0, bar.open, bar.high, bar.low)
        times = path_times(starts, ends)
        dips, peaks = (times[1], times[2]) if low else (times[2], times[1])

        def worth(side: str, price: float, ts: int) -> float:
            clock = SessionClock(instrument_of(f"{MONTHLY}24400{side}", "NFO"), EXPIRY - 20, EXPIRY)
            left = (at(2024, 7, 25, 15, 30) - ts) / (365 * DAY_NS)
            return float(
                premiums(
                    side == "CE", column(price * exp(RATE * left)), 24_400,
                    clock.years(np.array([ts])), column(0.14), column(exp(-RATE * left)),
                    smile=True,
                )[0]
            )  # fmt: skip

        tick = pytest.approx
        assert call.open == tick(worth("CE", bar.open, starts), abs=0.03)
        assert call.high == tick(worth("CE", bar.high, peaks), abs=0.03)
        assert call.low == tick(worth("CE", bar.low, dips), abs=0.03)
        assert call.close == tick(worth("CE", bar.close, ends), abs=0.03)
        assert put.high == tick(worth("PE", bar.low, dips), abs=0.03)
        assert put.low == tick(worth("PE", bar.high, peaks), abs=0.03)

    def test_parity_holds_at_every_open_and_close(self, spot: Candles) -> None:
        call, put = (option(f"{MONTHLY}24500{side}", spot) for side in ("CE", "PE"))
        kept = spot[: len(call)]
        for ts, price, c, p in (
            (kept.starts, kept.open, call.open, put.open),
            (kept.ends, kept.close, call.close, put.close),
        ):
            left = (at(2024, 7, 25, 15, 30) - ts) / (365 * DAY_NS)
            # A spot that grows at the rate and is discounted at it stays what it is.
            parity = price - 24_500 * np.exp(-RATE * left)
            # One tick is the least that either costs.
            assert np.abs(c - p - parity).max() <= 0.1

    def test_at_the_end_of_the_expiry_it_is_worth_its_intrinsic_value(self, spot: Candles) -> None:
        last = float(spot.close[spot.days <= EXPIRY][-1])
        for strike in (23_000, 24_000, 25_500):
            for side, worth in (("CE", last - strike), ("PE", strike - last)):
                made = option(f"{MONTHLY}{strike}{side}", spot)
                assert made.close[-1] == pytest.approx(max(worth, 0.05), abs=0.026)

    def test_only_hours_of_trading_take_time_value_away(self, spot: Candles) -> None:
        flat = Candles(
            spot.series, [spot.ts, *[np.full(len(spot), 24_400.0)] * 4, *spot.columns[5:]],
            spot.origin,
        )  # fmt: skip
        made = option(f"{MONTHLY}24400CE", flat, rate=0.0)
        first, next_day = made.session_firsts[:2].tolist()
        weekend = made.session_firsts[5]
        assert made.open[next_day] == made.close[next_day - 1]
        assert made.open[weekend] == made.close[weekend - 1]
        assert made.close[next_day - 1] < made.open[first]

    def test_the_year_has_252_sessions(self) -> None:
        instrument = instrument_of(f"{MONTHLY}24400CE", "NFO")
        clock = SessionClock(instrument, day_of(date(2024, 7, 1)), EXPIRY)
        # 17 July was Muharram.
        opens = np.array([at(2024, 7, 15, 9, 15), at(2024, 7, 25, 9, 15), at(2024, 7, 25, 15, 30)])
        assert clock.years(opens) * SESSIONS_A_YEAR == pytest.approx([8, 1, 0])
        evening = np.array([at(2024, 7, 24, 20, 0), at(2024, 7, 20, 12, 0), at(2024, 7, 28, 12, 0)])
        assert clock.years(evening) * SESSIONS_A_YEAR == pytest.approx([1, 4, 0])
        half = np.array([at(2024, 7, 25, 9, 15) + 375 * MINUTE_NS // 2])
        assert clock.years(half) * SESSIONS_A_YEAR == pytest.approx([0.5])

    def test_a_future_is_discounted_to_the_options_own_day(self) -> None:
        start, end = date(2024, 7, 15), date(2024, 7, 18)
        future = bars("NIFTY25JUL24FUT", "NFO", start, end, price=24_400)
        same, week = option(f"{MONTHLY}24400CE", future), option(f"{WEEKLY}24400CE", future)
        put_same, put_week = option(f"{MONTHLY}24400PE", future), option(f"{WEEKLY}24400PE", future)
        assert np.abs((same.close - put_same.close) - (future.close - 24_400)).max() < 60
        later = 7 / 365
        parity = future.close * exp(-RATE * later) - 24_400
        assert np.abs((week.close - put_week.close)[-375:] - parity[-375:]).max() < 0.2

    def test_a_continuous_future_is_that_of_the_date(self) -> None:
        future = bars("NIFTY25JUL24FUT", "NFO", date(2024, 7, 15), date(2024, 7, 18), price=24_400)
        series = type(future.series)("NIFTY-I", "NFO", "1m")
        near = Candles(series, future.columns, future.origin)
        ours, theirs = option(f"{WEEKLY}24400CE", near), option(f"{WEEKLY}24400CE", future)
        assert all(
            np.array_equal(one, other)
            for one, other in zip(ours.columns[:5], theirs.columns[:5], strict=True)
        )

    @pytest.mark.parametrize("timeframe", ["1m", "5m", "1h", "1d"])
    def test_any_bars_up_to_a_day_will_do(self, spot: Candles, timeframe: str) -> None:
        made = option(f"{MONTHLY}24400CE", spot.resample(timeframe))
        assert (made.high >= made.low).all()
        assert len(made) == len(spot.resample(timeframe).between(None, at(2024, 7, 26)))

    def test_what_cannot_be_modelled_is_refused(self, spot: Candles) -> None:
        with pytest.raises(DataError, match="is no option"):
            option("NIFTY25JUL24FUT", spot)
        with pytest.raises(DataError, match="expired on 2024-06-27"):
            option("NIFTY27JUN2424400CE", spot)
        with pytest.raises(DataError, match="bars of 1w"):
            option(f"{MONTHLY}24400CE", spot.resample("1w"))


def real_bars(shared_data: Path) -> Candles:
    return FileDataProvider(shared_data / "market" / "NIFTY_1m_20240101_20240823.csv").fetch(
        DataRequest(symbol="NIFTY", exchange="NSE_INDEX")
    )


class TestOnRealBars:
    def test_prices_are_those_that_an_index_option_has(self, shared_data: Path) -> None:
        """A straddle at the money at 14 %: about 0.8 x volatility x root of time of the index."""
        real = real_bars(shared_data).between(at(2024, 1, 1), at(2024, 1, 27))
        legs = [option(f"NIFTY25JAN2421750{side}", real) for side in ("CE", "PE")]
        straddle = float(legs[0].open[0] + legs[1].open[0])
        # 1 January 2024 09:15, 19 sessions before the expiry.
        assert straddle == pytest.approx(0.8 * 0.14 * sqrt(19 / 252) * 21_750, rel=0.1)

    def test_the_crash_of_june_moves_calls_down_and_puts_up(self, shared_data: Path) -> None:
        real = real_bars(shared_data).between(at(2024, 6, 3), at(2024, 6, 5))
        call, put = (option(f"NIFTY27JUN2423000{side}", real) for side in ("CE", "PE"))
        fall = np.argmin(real.low)
        begin = real.session_firsts[1]
        assert call.low[fall] < call.open[begin] / 2
        assert put.high[fall] > put.open[begin] * 2
        moved = np.abs(np.diff(real.close)) > 5
        assert (np.sign(np.diff(call.close)) == np.sign(np.diff(real.close)))[moved].mean() > 0.99

    def test_no_bar_knows_a_later_one(self, shared_data: Path) -> None:
        real = real_bars(shared_data).between(at(2024, 1, 1), at(2024, 1, 27))
        whole = option("NIFTY25JAN2421750CE", real)
        for count in (1, 200, 375, 2_000):
            part = option("NIFTY25JAN2421750CE", real[:count])
            for mine, theirs in zip(part.columns[:5], whole[:count].columns[:5], strict=True):
                assert np.array_equal(mine, theirs)


def vix(*rows: tuple[int, float, float], timeframe: str = "1m") -> Candles:
    ts, opens, closes = (np.array(values) for values in zip(*rows, strict=True))
    return Candles.from_arrays(
        symbol="INDIAVIX", exchange="NSE_INDEX", timeframe=timeframe, ts=ts.astype(np.int64),
        open=opens, high=np.maximum(opens, closes), low=np.minimum(opens, closes), close=closes,
    )  # fmt: skip


class TestVolatility:
    def test_it_is_that_of_the_minute(self, spot: Candles) -> None:
        first = spot[:3]
        index = vix(*[(int(ts), 14.0 + n, 15.0 + n) for n, ts in enumerate(first.ts.tolist())])
        made = option(f"{MONTHLY}24400CE", first, volatility=index)
        for n in range(3):
            opens = option(f"{MONTHLY}24400CE", first, volatility=0.14 + n / 100)
            closes = option(f"{MONTHLY}24400CE", first, volatility=0.15 + n / 100)
            assert made.open[n] == opens.open[n]
            assert made.close[n] == closes.close[n]

    def test_else_it_is_the_last_that_had_closed(self, spot: Candles) -> None:
        index = vix((int(spot.ts[0]), 14.0, 16.0))
        made = option(f"{MONTHLY}24400CE", spot[:400], volatility=index)
        after = option(f"{MONTHLY}24400CE", spot[:400], volatility=0.16)
        assert np.array_equal(made.open[1:], after.open[1:])

    def test_a_day_of_it_is_known_on_the_day_after(self, spot: Candles) -> None:
        """A daily bar ends with the session: its close says nothing to the minutes before."""
        days = vix((at(2024, 7, 15), 14.0, 30.0), (at(2024, 7, 16), 30.0, 50.0), timeframe="1d")
        made = option(f"{MONTHLY}24400CE", spot, volatility=days, otherwise=0.12)
        before = option(f"{MONTHLY}24400CE", spot, volatility=0.12)
        after = option(f"{MONTHLY}24400CE", spot, volatility=0.30)
        today = slice(0, 375)
        next_day = slice(375, 750)
        assert np.array_equal(made.close[today], before.close[today])
        assert np.array_equal(made.close[next_day], after.close[next_day])

    def test_what_is_a_week_old_is_not_known(self, spot: Candles) -> None:
        index = vix((at(2024, 7, 11, 15, 29), 14.0, 14.0))
        made = option(f"{MONTHLY}24400CE", spot, volatility=index)
        assert made.ts[-1] < at(2024, 7, 19)
        gone = next(each for each in made.findings if each.code == "unknown-volatility")
        assert (gone.where, gone.count + len(made)) == ("2024-07-19 09:15", gone.of)
        with pytest.raises(DataError, match="has no bar of the dates"):
            option(f"{MONTHLY}24400CE", spot, volatility=vix((at(2023, 7, 11, 15, 29), 14.0, 14.0)))

    @pytest.mark.parametrize("shift", [-0.02, 0.02])
    def test_the_repeated_run_shifts_all_of_it(self, spot: Candles, shift: float) -> None:
        moved = option(f"{MONTHLY}24400CE", spot, shift=shift)
        other = option(f"{MONTHLY}24400CE", spot, volatility=0.14 + shift)
        assert np.array_equal(moved.close, other.close)
        assert f"{shift:+.1%}" in moved.origin.detail


class TestWhatIsSaid:
    def test_the_origin_tells_the_model(self, spot: Candles) -> None:
        origin = option(f"{MONTHLY}24400CE", spot).origin
        assert (origin.kind, origin.examined) == ("modelled", True)
        assert origin.detail == "Black-76 on NIFTY:NSE_INDEX:1m, volatility 14.0%, rate 6.5%"
        assert [finding.code for finding in origin.findings] == ["modelled-option"]

    def test_no_result_of_it_is_better_than_doubtful(self, spot: Candles) -> None:
        examined = Origin(kind="file", examined=True)
        verdict = verdict_of(origins=[examined, option(f"{MONTHLY}24400CE", spot).origin])
        assert verdict.grade == "doubtful"
        assert "nobody ever traded" in verdict.reasons[0]

    def test_its_share_of_fills_and_profit_is_a_reason(self) -> None:
        modelled = {("NIFTY25JUL2424400CE", "NFO")}
        owners = [("NIFTY25JUL2424400CE", "NFO")] * 2 + [("SBIN", "NSE")] * 6
        found = modelled_fills(modelled, fills_of(owners), [
            trade("NIFTY25JUL2424400CE", "NFO", -3_000.0), trade("SBIN", "NSE", 1_000.0),
        ])  # fmt: skip
        assert found is not None
        assert (found.count, found.of) == (2, 8)
        verdict = verdict_of([found])
        assert verdict.grade == "doubtful"
        for part in ("2 of 8 fills (25%)", "75% of what trades", "-₹3,000.00", "-₹2,000.00"):
            assert part in verdict.reasons[0]
        assert modelled_fills(modelled, fills_of([("SBIN", "NSE")]), []) is None
        assert isinstance(modelled_fills(modelled, fills_of(owners), []), Finding)


def fills_of(owners: Sequence[tuple[str, str]]) -> FillColumns:
    numbers = np.zeros(len(owners), np.int64)
    return FillColumns(
        ts=numbers, signed=numbers, price=numbers.astype(float), units=numbers, charges=numbers,
        moved=numbers.astype(float), owners=list(owners),
    )  # fmt: skip


def trade(symbol: str, exchange: str, pnl: float) -> Trade:
    return Trade(
        id="T1", symbol=symbol, exchange=exchange, product="MIS", entry_ts=0, exit_ts=1,
        entry_price=100.0, exit_price=90.0, quantity=1, side="BUY", pnl=pnl, pnl_pct=0.0, fees=0.0,
        entry_order="1", exit_order="2",
    )  # fmt: skip
