"""The universal adapter: construction, the order of calls, warm-up, errors and state."""

from __future__ import annotations

import os
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tapeback.errors import StrategyError, StrategyLoadError
from tapeback.strategies.registry import resolve
from tapeback.strategies.universal import UniversalStrategyAdapter
from tests.strategies.running import candles_of, play, write_bot

CANDLES = candles_of([100.0 + i for i in range(21)])  # three sessions of seven hours


class Recorder:
    """A bot that writes down what is done to it."""

    def __init__(
        self,
        api_key: str,
        symbol: str,
        host: str = "http://127.0.0.1:8800",
        exchange: str = "NSE",
        state_file: str = "state.json",
        size: int = 1,
    ) -> None:
        self.given = {
            "api_key": api_key,
            "symbol": symbol,
            "host": host,
            "exchange": exchange,
            "size": size,
        }
        self.state_file = state_file
        self.symbol = symbol
        self.exchange = exchange
        self.client: Any = None
        self.calls: list[Any] = []

    def run_backtest(self, current_price: float) -> None:
        self.calls.append((datetime.now(), current_price))


def prices(bot: Any) -> list[float]:
    return [price for _, price in bot.calls]


# Construction -------------------------------------------------------------------------------


def test_the_constructor_gets_what_it_names() -> None:
    bot = play(Recorder, CANDLES, {"size": 5, "grid_levels": 3, "buffer_enabled": False}).bot
    assert bot.given == {
        "api_key": "backtest-dummy-key",
        "symbol": "ACME",
        "host": "http://mock-server",
        "exchange": "NSE",
        "size": 5,
    }
    assert os.path.isabs(bot.state_file)
    assert type(bot.client).__name__ == "MockOpenAlgoClient"


def test_no_parameter_can_send_a_real_key_or_host() -> None:
    given = play(Recorder, CANDLES, {"api_key": "real", "host": "http://broker"}).bot.given
    assert (given["api_key"], given["host"]) == ("backtest-dummy-key", "http://mock-server")


def test_a_bot_of_any_keywords_gets_the_chosen_parameters_and_no_more() -> None:
    class Anything:
        def __init__(self, symbol: str, **kwargs: Any) -> None:
            self.kwargs = kwargs

        def run_backtest(self, current_price: float) -> None: ...

    kwargs = play(Anything, CANDLES, {"speed": "fast", "buffer_days": 2, "levels": 3}).bot.kwargs
    assert kwargs.keys() == {"speed", "levels", "api_key", "host", "exchange", "state_file"}
    assert (kwargs["speed"], kwargs["levels"]) == ("fast", 3)


def test_a_parameter_that_is_missing_or_unknown_is_named() -> None:
    class Needy:
        def __init__(self, api_key: str, lookback: int) -> None: ...
        def run_backtest(self, current_price: float) -> None: ...

    with pytest.raises(StrategyLoadError, match="Needy needs a value for 'lookback'") as caught:
        play(Needy, CANDLES)
    assert "strategy.lookback" in str(caught.value)
    with pytest.raises(StrategyLoadError, match=r"no parameter 'sizes' .did you mean 'size'"):
        play(Recorder, CANDLES, {"sizes": 3})


def test_an_error_in_the_constructor_names_its_line(tmp_path: Path) -> None:
    file = write_bot(
        tmp_path / "strats",
        """
        class Bot:
            def __init__(self, size=0):
                self.share = 1 / size

            def run_backtest(self, current_price): ...
        """,
    )
    with pytest.raises(StrategyLoadError, match="constructing Bot failed: ZeroDivision") as caught:
        play(resolve(str(file)), CANDLES)
    assert caught.value.where == f"{file}:4"


def test_every_client_that_a_bot_made_becomes_the_runs(tmp_path: Path) -> None:
    file = write_bot(
        tmp_path / "strats",
        """
        from openalgo import api

        class Bot:
            def __init__(self, api_key, host):
                self.api = api(api_key, host)
                self.data_client = api(api_key=api_key, host=host)

            def run_backtest(self, current_price):
                for client in (self.api, self.data_client, self.client):
                    reply = client.quotes(symbol="ACME", exchange="NSE")
                    assert reply["data"]["ltp"] == current_price
        """,
    )
    played = play(resolve(str(file)), CANDLES)
    assert played.record.status == "completed"
    assert played.bot.api is played.bot.data_client is played.bot.client


# A class that was imported before ----------------------------------------------------------------


def test_a_class_of_the_caller_sees_the_runs_time_and_his_module_gets_its_own_back() -> None:
    bot = play(Recorder, CANDLES).bot
    assert bot.calls[0] == (datetime(2024, 1, 1, 10, 15), 100.0)
    assert bot.calls[6] == (datetime(2024, 1, 1, 15, 30), 106.0)
    assert datetime.__module__ == "datetime"
    assert abs(datetime.now().timestamp() - time.time()) < 60


# Calls --------------------------------------------------------------------------------------


def test_the_order_of_calls_of_a_bar() -> None:
    calls: list[str] = []

    class Ordered:
        def setup_grid(self) -> None:
            calls.append("setup_grid")

        def initialize_strategy(self) -> None:
            calls.append("initialize_strategy")

        def check_filled_orders(self) -> None:
            calls.append("check_filled_orders")

        def run_backtest(self, current_price: float) -> None:
            calls.append(f"run {current_price}")

    def hook(name: str, bot: Any, argument: Any) -> None:
        assert isinstance(bot, Ordered)
        calls.append(name)

    adapter = UniversalStrategyAdapter(
        Ordered,
        "ordered",
        pre_bar_hook=partial(hook, "pre"),
        post_bar_hook=partial(hook, "post"),
        setup_hook=partial(hook, "setup hook"),
        first_bar_hook=partial(hook, "first"),
    )
    played = play(adapter, CANDLES[:2])
    assert calls == [
        *("setup hook", "pre", "setup_grid", "first", "run 100.0", "post"),
        *("pre", "run 101.0", "post"),
    ]
    assert played.state["name"] == "ordered"


def test_a_bot_without_a_grid_is_initialised_on_its_first_bar() -> None:
    class Plain(Recorder):
        def initialize_strategy(self) -> None:
            self.calls.append((datetime.now(), "initialised"))

    bot = play(Plain, CANDLES[:2]).bot
    assert prices(bot) == ["initialised", 100.0, 101.0]


def test_defect_40_fills_are_looked_for_once_a_bar() -> None:
    class Counting(Recorder):
        looks = 0

        def check_filled_orders(self) -> list[Any]:
            self.looks += 1
            return []

        def run_backtest(self, current_price: float) -> None:
            self.check_filled_orders()

    assert play(Counting, CANDLES).bot.looks == len(CANDLES)


def test_a_bot_of_parts_is_run_by_its_parts() -> None:
    class Parts:
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def check_filled_orders(self) -> None:
            self.calls.append("fills")

        def check_grid_bounds(self, current_price: float) -> str:
            return "above" if current_price > 100.5 else "within"

        def handle_breakout(self, current_price: float) -> None:
            self.calls.append(current_price)

    bot = play(UniversalStrategyAdapter(Parts), CANDLES[:2]).bot
    assert bot.calls == ["fills", "fills", 101.0]


def test_a_bot_that_is_stopped_before_its_first_bar_does_nothing() -> None:
    class Eager(Recorder):
        def setup_grid(self) -> None:
            self.calls.append((datetime.now(), "setup"))

    def stop(bot: Any, candle: Any) -> None:
        bot.is_active = False

    played = play(UniversalStrategyAdapter(Eager, pre_bar_hook=stop), CANDLES)
    assert (played.record.status, played.bot.calls) == ("completed", [])


@pytest.mark.parametrize("flag", ["is_active", "is_running"])
def test_defect_41_a_bot_that_stops_itself_is_not_called_again(flag: str) -> None:
    class Stopping(Recorder):
        def run_backtest(self, current_price: float) -> None:
            super().run_backtest(current_price)
            if current_price == 103.0:
                self.client.placeorder(
                    symbol="ACME", exchange="NSE", action="BUY", quantity=1,
                    price_type="LIMIT", price=50.0, product="CNC",
                )  # fmt: skip
                setattr(self, flag, False)

    hooked: list[float] = []
    adapter = UniversalStrategyAdapter(
        Stopping, pre_bar_hook=lambda bot, candle: hooked.append(candle.close)
    )
    played = play(adapter, CANDLES, fidelity="none")
    assert hooked == prices(played.bot)
    assert prices(played.bot) == [100.0, 101.0, 102.0, 103.0]
    assert [order.status for order in played.orders] == ["open"]


def test_a_bot_whose_live_loop_sets_is_running_is_called() -> None:
    class Loop(Recorder):
        is_running = False

    bot = play(Loop, CANDLES).bot
    assert bot.is_running
    assert len(bot.calls) == len(CANDLES)


# Errors -------------------------------------------------------------------------------------


class Failing(Recorder):
    def run_backtest(self, current_price: float) -> None:
        super().run_backtest(current_price)
        if current_price >= 105.0:
            raise ZeroDivisionError("no such price")


def test_defect_13_what_a_bot_raises_ends_the_run_and_is_kept() -> None:
    played = play(Failing, CANDLES)
    assert played.record.status == "failed"
    (fault,) = played.record.faults
    assert fault.error == "ZeroDivisionError: no such price"
    assert "in run_backtest" in fault.traceback
    assert len(played.bot.calls) == 6


def test_defect_13_or_is_counted_where_the_run_goes_on() -> None:
    played = play(Failing, CANDLES, continue_on_error=True)
    assert played.record.status == "completed"
    assert len(played.record.faults) == len(CANDLES) - 5


def test_defect_13_what_a_hook_raises_is_not_passed_over_either() -> None:
    def broken(bot: Any, candle: Any) -> None:
        raise KeyError("hook")

    played = play(UniversalStrategyAdapter(Recorder, pre_bar_hook=broken), CANDLES)
    assert played.record.status == "failed"
    assert played.record.faults[0].error == "KeyError: 'hook'"


def test_a_bot_that_exits_ends_its_run_and_not_the_program() -> None:
    class Leaving(Recorder):
        def run_backtest(self, current_price: float) -> None:
            raise SystemExit(3)

    played = play(Leaving, CANDLES)
    assert played.record.status == "failed"
    assert "ended itself by sys.exit(3)" in played.record.faults[0].error


# Warm-up ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("buffer", "first"),
    [
        ({"buffer_days": 1}, 107.0),
        ({"buffer_days": 2}, 114.0),
        ({"buffer_bars": 3}, 103.0),
        ({"buffer_bars": 0}, 100.0),
        ({"buffer_bars": 8, "buffer_days": 1}, 108.0),
    ],
)
def test_defect_37_warm_up_counts_sessions_and_bars_of_the_run(
    buffer: dict[str, int], first: float
) -> None:
    bot = play(Recorder, CANDLES, {"buffer_enabled": True, **buffer}).bot
    assert prices(bot) == [price for price in CANDLES.close.tolist() if price >= first]


def test_defect_37_there_is_no_warm_up_unless_asked_for() -> None:
    assert len(play(Recorder, CANDLES, {"buffer_days": 2}).bot.calls) == len(CANDLES)


def test_defect_37_ninety_sessions_of_any_timeframe_are_ninety_sessions() -> None:
    """Holidays among them do not count, a short session on a Saturday does."""
    for timeframe, bars in (("1h", 7), ("15m", 25), ("1d", 1)):
        year = candles_of([100.0] * (bars * 95), timeframe=timeframe)
        candles = year[: int(year.session_firsts[91])]
        played = play(Recorder, candles, {"buffer_enabled": True, "buffer_days": 90})
        assert len(played.bot.calls) == bars
        assert {f"{when:%Y-%m-%d}" for when, _ in played.bot.calls} == {"2024-05-14"}
        assert played.state["warm_up"]["sessions_seen"] == 91


def test_bars_before_the_start_only_feed_history() -> None:
    seen: list[int] = []
    start = int(CANDLES.ts[7])
    params = {"buffer_enabled": True, "buffer_mode": "fetch_additional", "buffer_days": 1}

    class Looking(Recorder):
        def run_backtest(self, current_price: float) -> None:
            super().run_backtest(current_price)
            seen.append(len(self.client.history(
                symbol="ACME", exchange="NSE", interval="1h",
                start_date="2024-01-01", end_date="2024-01-31",
            )))  # fmt: skip

    bot = play(Looking, CANDLES, params, trade_from=start).bot
    assert prices(bot) == CANDLES.close.tolist()[7:]
    assert seen == list(range(8, 22))


def test_bars_before_the_start_that_are_not_there_are_an_error() -> None:
    params = {"buffer_enabled": True, "buffer_mode": "fetch_additional"}
    with pytest.raises(StrategyLoadError, match="this run has none"):
        play(Recorder, CANDLES, params)
    with pytest.raises(StrategyLoadError, match="this run has none"):
        play(Recorder, CANDLES, params, trade_from=int(CANDLES.ts[0]))
    with pytest.raises(StrategyLoadError, match="got 'skip'"):
        play(Recorder, CANDLES, {"buffer_enabled": True, "buffer_mode": "skip"})


def test_a_warm_up_that_takes_the_whole_run_is_said(caplog: pytest.LogCaptureFixture) -> None:
    played = play(Recorder, CANDLES, {"buffer_enabled": True, "buffer_days": 30})
    assert played.bot.calls == []
    assert "warm-up takes 30 sessions, and the run has no more than 3" in caplog.text
    assert played.state["warm_up"]["over"] is False


# Several series -----------------------------------------------------------------------------


def test_a_bot_is_called_on_the_bars_of_its_own_series_alone() -> None:
    other = candles_of([50.0] * 21, symbol="OTHER")
    fine = candles_of([100.0 + i / 4 for i in range(81)], timeframe="15m")
    assert prices(play(Recorder, [other, CANDLES], {"symbol": "ACME"}).bot) == list(CANDLES.close)
    assert prices(play(Recorder, [CANDLES, fine]).bot) == list(CANDLES.close)
    assert prices(play(Recorder, [fine, CANDLES]).bot) == list(fine.close)
    hidden = play(Recorder, [fine, CANDLES], intrabar="lower_timeframe")
    assert prices(hidden.bot) == list(CANDLES.close)
    with pytest.raises(StrategyLoadError, match="'ACMEE', and this run has ACME:NSE:1h only"):
        play(Recorder, CANDLES, {"symbol": "ACMEE"})


def test_a_bot_that_knows_its_symbol_gets_that_symbols_bars() -> None:
    class Fixed(Recorder):
        def __init__(self, api_key: str) -> None:
            super().__init__(api_key, "ACME")

    other = candles_of([50.0] * 21, symbol="OTHER")
    assert prices(play(Fixed, [other, CANDLES]).bot) == list(CANDLES.close)


def test_defect_42_a_bot_sees_no_bar_that_has_not_closed() -> None:
    class Peeking(Recorder):
        def run_backtest(self, current_price: float) -> None:
            frame = self.client.history(
                symbol=self.symbol, exchange="NSE", interval="1h",
                start_date="2023-12-01", end_date="2024-12-31",
            )  # fmt: skip
            self.calls.append((len(frame), frame["close"].iloc[-1]))

    bot = play(Peeking, CANDLES).bot
    assert bot.calls == list(zip(range(1, 22), CANDLES.close.tolist(), strict=True))


# State --------------------------------------------------------------------------------------


def test_the_state_holds_the_bots_own_summary_and_attributes() -> None:
    class Summed(Recorder):
        current_position = 3

        def get_performance_summary(self) -> dict[str, Any]:
            return {"bars": len(self.calls)}

    state = play(Summed, CANDLES).state
    assert state["bot_performance"] == {"bars": 21}
    assert (state["bot_class"], state["current_position"]) == ("Summed", 3)


def test_defect_46_a_summary_that_fails_is_reported() -> None:
    class Broken(Recorder):
        def get_performance_summary(self) -> dict[str, Any]:
            return {"pnl": {}["fill_price"]}

    played = play(Broken, CANDLES)
    assert played.record.status == "completed"
    assert played.state["bot_performance_error"] == "KeyError: 'fill_price'"


def test_closed_bars_are_there_as_a_frame() -> None:
    lengths: list[int] = []

    def look(bot: Any, candle: Any) -> None:
        frame = adapter.get_historical_data()
        lengths.append(len(frame))
        assert frame["close"].iloc[-1] == candle.close

    adapter = UniversalStrategyAdapter(Recorder, post_bar_hook=look)
    play(adapter, CANDLES)
    assert lengths == list(range(1, 22))


def test_a_state_that_the_bot_saved_can_be_taken_up_by_another_run() -> None:
    class Counting(Recorder):
        def __init__(self, api_key: str, symbol: str, state_file: str = "") -> None:
            super().__init__(api_key, symbol, state_file=state_file)
            file = Path(state_file)
            self.count = int(file.read_text()) if file.exists() else 0

        def run_backtest(self, current_price: float) -> None:
            self.count += 1
            Path(self.state_file).write_text(str(self.count))

    first = play(Counting, CANDLES)
    assert first.state["bot_state"] == 21
    adapter = UniversalStrategyAdapter(Counting)
    assert play(adapter, CANDLES).bot.count == 21
    adapter.load_state(first.state)
    assert play(adapter, CANDLES).bot.count == 42


def test_an_adapter_outside_a_run_says_how_to_open_it() -> None:
    with pytest.raises(StrategyError, match="open_strategy"):
        UniversalStrategyAdapter(Recorder).initialize()
