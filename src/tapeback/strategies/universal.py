"""The adapter that runs any live bot: it constructs the bot and calls it at each bar's close."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tapeback.broker.webhooks import WebhookClient
from tapeback.errors import StrategyError, StrategyLoadError, did_you_mean
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.models.candle import Candle
from tapeback.strategies import warm_up
from tapeback.strategies.base import BaseStrategy
from tapeback.strategies.loader import BotFile, load_failure, source_folder
from tapeback.strategies.session import BotSession
from tapeback.strategies.warm_up import WarmUp

if TYPE_CHECKING:
    import pandas as pd

Hook = Callable[[Any, Candle], None]
SetupHook = Callable[[Any, Mapping[str, Any]], None]

_API_KEY = "backtest-dummy-key"
_HOST = "http://mock-server"
_STATE_FILE = "state.json"
_STATE_KEY = "bot_state"
_OWN_PARAMETERS = ("api_key", "host", "client", "state_file")
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_REPORTED = (
    "grid_center_price",
    "grid_upper_bound",
    "grid_lower_bound",
    "grid_resets",
    "supertrend_direction",
    "current_position",
    "is_active",
)
_logger = logging.getLogger(__name__)


class UniversalStrategyAdapter(BaseStrategy):
    """Runs a live bot unchanged: `run_backtest(close)` once a bar of the bot's own series.

    The bot's constructor gets every parameter that it names. Before its first call come
    `setup_grid()` or `initialize_strategy()`. A bot that sets `is_active` or `is_running` to
    False is not called again; its orders stay. What it raises ends the run, or is noted and
    passed over, as the run's `on_error` says.

    `setup_hook(bot, params)` is called once the bot is made, `pre_bar_hook(bot, candle)` and
    `post_bar_hook(bot, candle)` around each call, `first_bar_hook(bot, candle)` before the first.
    """

    def __init__(
        self,
        bot_class: type[Any] | BotFile,
        strategy_name: str | None = None,
        *,
        pre_bar_hook: Hook | None = None,
        post_bar_hook: Hook | None = None,
        setup_hook: SetupHook | None = None,
        first_bar_hook: Hook | None = None,
    ) -> None:
        self.source = bot_class
        self.name = strategy_name or _name_of(bot_class)
        self.bot_class: type[Any] | None = None
        self.bot: Any = None
        self._pre_bar_hook = pre_bar_hook
        self._post_bar_hook = post_bar_hook
        self._setup_hook = setup_hook
        self._first_bar_hook = first_bar_hook
        self._session: BotSession | None = None
        self._trade_from: int | None = None
        self._warm_up = WarmUp()
        self._started = False
        self._bot_state: Any = None

    # One run -------------------------------------------------------------------------------

    def enter(self, session: BotSession, trade_from: int | None = None) -> None:
        """Load the bot for a run. Trading begins at `trade_from` (ns UTC) when the run has bars
        before it to warm the bot up."""
        self.bot_class = session.load(self.source)
        self.bot = None
        self._session = session
        self._trade_from = trade_from
        self._started = False

    def initialize(self, **params: Any) -> None:
        """Construct the bot. `buffer_enabled`, `buffer_days`, `buffer_bars` and `buffer_mode`
        are the adapter's, the rest is for the bot.

        Raises StrategyLoadError, which names a parameter that is missing or unknown, or tells
        what the constructor raised.
        """
        session, bot_class = self._session, self.bot_class
        if session is None or bot_class is None:
            raise StrategyError(
                f"{self.name} stands outside a run.",
                remedy="Open it with tapeback.strategies.opening.open_strategy.",
            )
        series = self._own_series(params.get("symbol"), params.get("exchange"))
        if params.get("symbol", series.symbol) != series.symbol:
            known = ", ".join(candles.series.name for candles in self.context.engine.series)
            raise StrategyLoadError(
                f"{self.name} is to trade {params['symbol']!r}, and this run has {known} only."
            )
        values = {
            "symbol": series.symbol,
            "exchange": series.exchange,
            **params,
            "api_key": _API_KEY,
            "host": _HOST,
            "client": session.client,
            "state_file": str(session.folder / _STATE_FILE),
        }
        if self._bot_state is not None:
            (session.folder / _STATE_FILE).write_text(json.dumps(self._bot_state), "utf-8")
        self.bot = bot = _construct(bot_class, values, params)
        _connect(bot, session)
        series = self._own_series(getattr(bot, "symbol", None), getattr(bot, "exchange", None))
        self._series = series.series
        self._warm_up = WarmUp.read(params, self._trade_from, int(series.ts[0]))
        if self._setup_hook is not None:
            self._setup_hook(bot, params)

    def on_bar(self, candle: Candle) -> None:
        if candle.series is not self._series:
            return
        self.see(candle)
        if not self._warm_up.over and not self._warm_up.lets_trade(candle):
            return
        bot = self.bot
        if self._started and _has_stopped(bot):
            return
        try:
            self._call(bot, candle)
        except SystemExit as error:
            raise StrategyError(f"the bot ended itself by sys.exit({error.code!r}).") from error

    def see(self, candle: Candle) -> None:
        """Take note of a bar of the bot's series, also while the bot is not called."""

    def on_end(self) -> None:
        if not self._warm_up.over:
            _logger.warning("%s was never called: %s.", self.name, self._warm_up)

    def _call(self, bot: Any, candle: Candle) -> None:
        if self._pre_bar_hook is not None:
            self._pre_bar_hook(bot, candle)
        if not self._started and getattr(bot, "is_active", True) is not False:
            self._started = True
            self._start(bot, candle)
        if _has_stopped(bot):
            return
        if self._steps:
            bot.run_backtest(candle.close)
        else:
            bot.check_filled_orders()
            if bot.check_grid_bounds(candle.close) != "within":
                bot.handle_breakout(candle.close)
        if self._post_bar_hook is not None:
            self._post_bar_hook(bot, candle)

    def _start(self, bot: Any, candle: Candle) -> None:
        """What a bot's live loop does before its first step."""
        self._steps = hasattr(bot, "run_backtest")
        if getattr(bot, "is_running", True) is False:
            bot.is_running = True
        for name in ("setup_grid", "initialize_strategy"):
            prepare = getattr(bot, name, None)
            if callable(prepare):
                prepare()
                break
        if self._first_bar_hook is not None:
            self._first_bar_hook(bot, candle)

    def _own_series(self, symbol: Any, exchange: Any) -> Candles:
        """The series whose bars the bot sees: the first that is shown of its symbol, or else of
        all."""
        engine = self.context.engine
        shown = list(engine.series)
        if engine.rules.intrabar == "lower_timeframe":
            shown = [candles for candles in shown if not _is_finest(candles, shown)]
        own = [
            candles
            for candles in shown
            if candles.symbol == symbol and exchange in (None, candles.exchange)
        ]
        return (own or shown)[0]

    # State ---------------------------------------------------------------------------------

    def get_historical_data(self) -> pd.DataFrame:
        """The closed bars of the bot's series, those of the warm-up included."""
        series = self._series
        engine = self.context.engine
        return engine.closed_candles(series.symbol, series.exchange, series.timeframe).to_pandas()

    def get_state(self) -> dict[str, Any]:
        """What the result keeps of the bot: its own performance summary, or why it has none."""
        bot, bot_class = self.bot, self.bot_class
        state: dict[str, Any] = {
            "name": self.name,
            "bot_class": bot_class.__name__ if bot_class is not None else _name_of(self.source),
            "initialized": bot is not None,
            "warm_up": self._warm_up.state(),
        }
        state.update((name, getattr(bot, name)) for name in _REPORTED if hasattr(bot, name))
        if hasattr(bot, "get_performance_summary"):
            try:
                state["bot_performance"] = bot.get_performance_summary()
            except Exception as error:  # the bot's own, and the result is still wanted
                state["bot_performance_error"] = f"{type(error).__name__}: {error}"
        saved = self._saved_state()
        if saved is not None:
            state[_STATE_KEY] = saved
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Let the bot of the next run start from the state file that it saved in an earlier one
        (`bot_state` of `get_state`)."""
        self._bot_state = state.get(_STATE_KEY)

    def _saved_state(self) -> Any:
        """The bot's state file as data; None when there is none, or none that is JSON."""
        if self._session is None:
            return None
        try:
            return json.loads((self._session.folder / _STATE_FILE).read_text("utf-8"))
        except (OSError, ValueError):
            return None


def _name_of(source: type[Any] | BotFile) -> str:
    if isinstance(source, BotFile):
        return source.class_name or source.path.stem
    return source.__name__


def _has_stopped(bot: Any) -> bool:
    return getattr(bot, "is_active", True) is False or getattr(bot, "is_running", True) is False


def _is_finest(candles: Candles, series: Sequence[Candles]) -> bool:
    length = timeframes.duration(candles.timeframe)
    key = (candles.symbol, candles.exchange)
    return all(
        length <= timeframes.duration(other.timeframe)
        for other in series
        if (other.symbol, other.exchange) == key
    )


def _construct(bot_class: type[Any], values: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
    """Make the bot from those of `values` that its constructor names; all of `params` where it
    takes `**kwargs`."""
    wanted = inspect.signature(bot_class).parameters
    named = {name: p for name, p in wanted.items() if p.kind in _NAMED}
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in wanted.values())
    chosen = {name: values[name] for name in named if name in values}
    if takes_any:
        kept = ("client", *warm_up.PARAMETERS)
        chosen.update((k, v) for k, v in values.items() if k not in kept)
    what = bot_class.__name__
    for name, parameter in wanted.items():
        required = parameter.default is parameter.empty and parameter.kind not in _REST
        if required and name not in chosen:
            raise StrategyLoadError(
                f"{what} needs a value for {name!r}.",
                remedy=f"Set strategy.{name} in the settings, or --set strategy.{name}=....",
            )
    if not takes_any:
        _refuse_unknown(what, params, list(named))
    try:
        return bot_class(**chosen)
    except (Exception, SystemExit) as error:
        raise load_failure(error, f"constructing {what}", source_folder(bot_class)) from error


def _refuse_unknown(what: str, params: Mapping[str, Any], known: Sequence[str]) -> None:
    """Parameters that are no setting of every strategy have to be the bot's own."""
    from tapeback.models.config import StrategyConfig

    for name in params:
        if name not in known and name not in StrategyConfig.model_fields:
            offered = [k for k in known if k not in _OWN_PARAMETERS]
            raise StrategyLoadError(
                f"{what} has no parameter {name!r}{did_you_mean(name, offered)}.",
                remedy=f"It takes {', '.join(offered) or 'none'}.",
            )


def _connect(bot: Any, session: BotSession) -> None:
    """Give the bot the run's account, wherever it keeps a client of its own."""
    for name, value in list(getattr(bot, "__dict__", {}).items()):
        from_sdk = type(value).__module__.partition(".")[0] == "openalgo"
        if from_sdk and not isinstance(value, WebhookClient):
            setattr(bot, name, session.client)
    bot.client = session.client
