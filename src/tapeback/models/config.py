"""The settings of a run: one frozen section for each part of the program, every value checked.

Unknown keys, NaN, infinity and values out of range are refused. `tapeback.settings` fills these
models from YAML files, `--set` and Python keywords, and turns their refusals into located messages.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from tapeback.models.candle import Series
from tapeback.models.data_file import (
    DataFile,
    check_exchange,
    check_symbol,
    check_timeframe,
    not_among,
    parse_data_file,
    parse_series,
)
from tapeback.models.order import PRODUCTS
from tapeback.utils.secrets import masked, secrets_in

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,252}[A-Za-z0-9])?|\[?[0-9A-Fa-f:]{2,39}\]?")


def _check_parameter(value: Any) -> Any:
    """A strategy's own parameter: anything that JSON can carry, and dates."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"must be a finite number; got {value}")
    if isinstance(value, list | tuple):
        for item in value:
            _check_parameter(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"must have text as keys; got {key!r}")
            _check_parameter(item)
    elif not isinstance(value, str | int | float | date | None):
        raise ValueError(f"must be text, a number, a list or a mapping; got {value!r}")
    return value


class Section(BaseModel):
    """What every section has in common."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_bool_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields.get(info.field_name or "")
        if isinstance(value, bool) and field is not None and field.annotation is not bool:
            raise ValueError(f"must not be true or false; got {str(value).lower()}")
        return value


class OpenAlgoConfig(Section):
    """Where the OpenAlgo server is; `timeout` in seconds, `cache_max_age_hours` in hours."""

    api_key: SecretStr = SecretStr("")
    base_url: str = "http://127.0.0.1:8800"
    timeout: int = Field(30, gt=0, le=600)
    retry_attempts: int = Field(3, ge=0, le=20)
    force_cache_use: bool = False
    cache_max_age_hours: int = Field(24, ge=0)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        try:
            url = urlsplit(value)
            usable = url.scheme in ("http", "https") and bool(url.hostname)
            usable = usable and (url.port is None or url.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("must be an address such as http://127.0.0.1:5000")
        if url.username is not None or url.password is not None:
            raise ValueError("must hold no user name or password: the key goes into api_key")
        return value.rstrip("/")


class SyntheticConfig(Section):
    """How made-up prices behave. `volatility` and `trend` are fractions a day (0.02 is 2 %),
    `volume` is units a session, `initial_price` rupees; None leaves both to the symbol."""

    initial_price: float | None = Field(None, gt=0)
    volatility: float = Field(0.02, ge=0, le=1)
    trend: float = Field(0.0001, ge=-0.5, le=0.5)
    volume: float | None = Field(None, ge=0)
    regime: Literal["normal", "trend", "sideways", "volatile", "jump"] = "normal"


class DataConfig(Section):
    """Which candles. `start` and `end` are Indian dates, both included; None is the source's own
    first or last date. Bars are made up (`use_synthetic`), read from `files`, or come from
    `source`: those of `series`, else the one of `symbol`, `exchange` and `timeframe`. `source`
    `auto` takes the cache where it holds all that is asked for, then the DuckDB file `historify`;
    `fetch` lets it ask OpenAlgo for the rest. `cache_dir` None is the folder `cache` of
    TAPEBACK_HOME. `label` overrides how a file's stamps are read (fill contract T1).
    `master_contract`, `corporate_actions` and `ban_list` are CSV files that add to the tables.
    `options_data` says what a script gets that names an option without bars: nothing (`required`),
    or prices of a model (`modelled`), by India VIX, else by `option_volatility`, a share a year
    (0.15 is 15 %)."""

    symbol: str = "RELIANCE"
    exchange: str = "NSE"
    timeframe: str = "1h"
    start: date | None = None
    end: date | None = None
    source: Literal["auto", "cache", "historify", "openalgo"] = "auto"
    fetch: bool = False
    cache_dir: str | None = None
    historify: str | None = None
    use_synthetic: bool = False
    files: list[str] = Field(default_factory=list)
    series: list[str] = Field(default_factory=list)
    label: Literal["auto", "open", "close"] = "auto"
    master_contract: str | None = None
    corporate_actions: str | None = None
    ban_list: str | None = None
    options_data: Literal["required", "modelled"] = "required"
    option_volatility: float | None = Field(None, ge=0.01, le=5)
    synthetic: SyntheticConfig = SyntheticConfig()

    _symbol = field_validator("symbol")(check_symbol)
    _exchange = field_validator("exchange")(check_exchange)
    _timeframe = field_validator("timeframe")(check_timeframe)

    @field_validator("start", "end", mode="before")
    @classmethod
    def _read_date(cls, value: Any) -> Any:
        if isinstance(value, str):
            text = value.strip()
            if not text:
                return None
            try:
                value = datetime.fromisoformat(text)
            except ValueError:
                raise ValueError(f"must be a date such as 2024-01-31; got {value!r}") from None
        if isinstance(value, datetime):
            if (value.hour, value.minute, value.second, value.microsecond) != (0, 0, 0, 0):
                raise ValueError(f"must be a date without a time of day; got {value}")
            return value.date()
        if value is not None and not isinstance(value, date):
            raise ValueError(f"must be a date such as 2024-01-31; got {value!r}")
        return value

    @field_validator("end")
    @classmethod
    def _end_after_start(cls, value: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("start")
        if value is not None and start is not None and value < start:
            raise ValueError(f"must not be before start ({start}); got {value}")
        return value

    @field_validator("files", mode="before")
    @classmethod
    def _one_file_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("files")
    @classmethod
    def _check_files(cls, value: list[str], info: ValidationInfo) -> list[str]:
        for spec in value:
            parse_data_file(spec)
        if value and info.data.get("use_synthetic"):
            raise ValueError("use_synthetic is true as well: choose files or synthetic data")
        return value

    @field_validator("cache_dir", "historify")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("series", mode="before")
    @classmethod
    def _one_series_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("series")
    @classmethod
    def _check_series(cls, value: list[str], info: ValidationInfo) -> list[str]:
        names = [parse_series(spec).name for spec in value]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"names {name} more than once")
        if value and info.data.get("use_synthetic"):
            raise ValueError("use_synthetic is true as well: choose series or synthetic data")
        return names

    @property
    def data_files(self) -> tuple[DataFile, ...]:
        """`files`, each taken apart."""
        return tuple(parse_data_file(spec) for spec in self.files)

    @property
    def data_series(self) -> tuple[Series, ...]:
        """`series`, each taken apart."""
        return tuple(parse_series(spec) for spec in self.series)


class BacktestConfig(Section):
    """Money and costs that the user sets by hand.

    `initial_cash` and `commission_per_trade` (a fill) are rupees, the `_bps` hundredths of a per
    cent of turnover a side. `slippage_bps`, when set, replaces the slippage table; `fee_bps` and
    `commission_per_trade` are added to the `costs` plan. `leverage` is one figure for all products
    or one for each of MIS, NRML, CNC; None leaves margin to the dated rules. `risk_free_pct` is per
    cent a year. `delivery_tax_pct` and `intraday_tax_pct`, when set, replace the STT of shares, in
    per cent: of both sides of a delivery, and of the sale within a day.
    """

    initial_cash: float = Field(100_000.0, gt=0)
    fee_bps: float | None = Field(None, ge=0)
    slippage_bps: float | None = Field(None, ge=0, lt=10_000)
    commission_per_trade: float = Field(0.0, ge=0)
    seed: int = 42
    leverage: float | dict[str, float] | None = None
    risk_free_pct: float = Field(0.0, ge=0, le=100)
    delivery_tax_pct: float | None = Field(None, ge=0, lt=100)
    intraday_tax_pct: float | None = Field(None, ge=0, lt=100)

    @field_validator("leverage", mode="before")
    @classmethod
    def _check_leverage(cls, value: Any) -> float | dict[str, float] | None:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            return _positive(value)
        for product in value:
            if product not in PRODUCTS:
                raise ValueError(not_among(str(product), PRODUCTS))
        return {product: _positive(figure, product) for product, figure in value.items()}


def _positive(value: Any, name: str = "") -> float:
    figure = _number(value)
    if not 0 < figure < math.inf:
        raise ValueError(f"{name} must be a number greater than 0; got {value!r}".lstrip())
    return figure


def _number(value: Any) -> float:
    """The value as a float, NaN where it is none."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


class ExecutionConfig(Section):
    """How orders meet prices (the fill contract says each in full).

    `limit_fill` None is `through` in `live` fidelity, `touch` otherwise. `participation` is the
    share of a bar's volume that resting limits may take, `auto` 25 % up to 1m bars and 10 % above,
    None no cap. `slippage` None is `normal` in `live`, `none` otherwise; `slippage_ticks`
    replaces the table's ticks a side. `spread_bps` is the whole bid-ask spread, `impact` the
    coefficient of P8, `latency` milliseconds (None: 500 for scripts in `live`, else 0).
    `on_bad_data` `repair` drops and sorts what is wrong in the data, `keep` leaves in what bars can
    hold, `refuse` does not run over data that is to be repaired. `lots` says by which lot size
    derivatives trade: each contract's own (`dated`), the latest on all dates (`today`), or n of the
    bot's lots as n of the contract's (`scale`). `margin` is how strictly funds are asked for; None
    is `warn` for derivatives and `strict` for shares.
    """

    market_fill: Literal["next_open", "bar_close", "ltp"] = "next_open"
    intrabar: Literal["adverse", "favourable", "nearer", "ohlc", "olhc", "lower_timeframe"] = (
        "adverse"
    )
    limit_fill: Literal["touch", "through"] | None = None
    participation: float | Literal["auto"] | None = "auto"
    slippage: Literal["optimistic", "normal", "harsh", "none"] | None = None
    slippage_ticks: float | None = Field(None, ge=0)
    spread_bps: float = Field(0.0, ge=0, lt=10_000)
    impact: float = Field(0.0, ge=0)
    latency: float | None = Field(None, ge=0)
    fidelity: Literal["live", "sandbox", "none"] = "live"
    on_bad_data: Literal["refuse", "repair", "keep"] = "repair"
    on_error: Literal["stop", "continue"] = "stop"
    close_at_end: bool = False
    lots: Literal["dated", "today", "scale"] = "dated"
    margin: Literal["strict", "warn", "off"] | None = None

    @field_validator("participation", mode="before")
    @classmethod
    def _check_participation(cls, value: Any) -> float | str | None:
        if value is None or value in ("", "auto"):
            return value or None
        share = _number(value)
        if not 0 < share <= 1:
            raise ValueError(
                f"must be auto, empty for no cap, or above 0 and at most 1; got {value!r}"
            )
        return share


class StrategyConfig(Section):
    """What trades, and its parameters.

    `type` is a name in the strategy registry. Any key beside the named ones is a parameter of the
    bot itself and reaches it unchanged, so that a new bot needs no change here. Amounts are
    rupees, `_pct` per cent; `buffer_days` counts sessions of warm-up, `buffer_bars`, when given,
    bars instead.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[Any, AfterValidator(_check_parameter)]] = Field(
        init=False
    )

    type: str = Field("grid", min_length=1, max_length=200)
    grid_levels: int = Field(10, ge=1, le=1000)
    grid_spacing_pct: float = Field(1.0, gt=0, lt=100)
    order_amount: float = Field(1000.0, gt=0)
    grid_type: Literal["arithmetic", "geometric"] = "arithmetic"
    auto_reset: bool = True
    initial_position_strategy: Literal["wait_for_buy", "buy_at_market", "place_all"] = (
        "wait_for_buy"
    )
    stop_loss_pct: float = Field(5.0, ge=0)
    take_profit_pct: float = Field(10.0, ge=0)
    atr_period: int = Field(10, ge=1)
    atr_multiplier: float = Field(3.0, gt=0)
    max_order_amount: float = Field(1000.0, gt=0)
    buffer_enabled: bool = False
    buffer_days: int = Field(90, ge=1, le=365)
    buffer_bars: int | None = Field(None, ge=0)
    buffer_mode: Literal["skip_initial", "fetch_additional"] = "skip_initial"

    def parameters(self) -> dict[str, Any]:
        """All parameters by name, defaults included, without `type`."""
        return {**{name: getattr(self, name) for name in self._named()}, **self.own_parameters()}

    def chosen_parameters(self) -> dict[str, Any]:
        """The parameters that the user set: a bot's own defaults hold for the rest."""
        chosen = self.parameters()
        return {name: value for name, value in chosen.items() if name in self.model_fields_set}

    def own_parameters(self) -> dict[str, Any]:
        """The keys that are no field of this section: the bot has to know them."""
        return dict(self.model_extra or {})

    @classmethod
    def _named(cls) -> Iterable[str]:
        return (name for name in cls.model_fields if name != "type")

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return list(masked({"type": self.type, **self.parameters()}).items())


class CarriedLossConfig(Section):
    """A loss of an earlier year: `year` is the calendar year in which its financial year began."""

    head: Literal["STCG", "LTCG", "SPECULATIVE", "NON_SPECULATIVE"]
    year: int = Field(ge=1990, le=2100)
    amount: float = Field(gt=0)


class TaxConfig(Section):
    """The estimate of income tax; off by default.

    `slab_pct` is the marginal slab rate, `surcharge_pct` the surcharge on it (None: by income),
    `other_income` rupees a year apart from the run. `highs_2018` are the highest prices of
    2018-01-31 by symbol, for shares bought before.
    """

    enabled: bool = False
    slab_pct: float = Field(30.0, ge=0, le=100)
    surcharge_pct: float | None = Field(None, ge=0, le=100)
    other_income: float = Field(0.0, ge=0)
    regime: Literal["new", "old"] = "new"
    brought_forward: list[CarriedLossConfig] = Field(default_factory=list)
    highs_2018: dict[str, float] = Field(default_factory=dict)


class UiConfig(Section):
    """Where the web page is served; the default is this machine alone."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    debug: bool = False
    title: str = "Tapeback"

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError(f"must be a host name or an IP address; got {value!r}")
        return value


class LoggingConfig(Section):
    """What is logged, how, and to which file (10 MB each, five old ones kept)."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    format: str = "%(asctime)s - %(name)s - %(levelname)s - %(message)s"
    file: str | None = None

    @field_validator("level", mode="before")
    @classmethod
    def _capitals(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("format")
    @classmethod
    def _check_format(cls, value: str) -> str:
        try:
            logging.Formatter(value).format(logging.makeLogRecord({}))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"is no logging format ({error}); got {value!r}") from None
        return value

    @field_validator("file")
    @classmethod
    def _check_file(cls, value: str | None) -> str | None:
        if not value:
            return None
        # A log is appended to and rotated away: only a file that says it is one may be.
        if not value.endswith(".log") or ".." in re.split(r"[\\/]", value):
            raise ValueError(f"must be a path ending in .log, without ..; got {value!r}")
        return value


class AppConfig(Section):
    """All settings of a run.

    `broker` is the name of a broker's profile or a mapping that changes one. `costs` is a plan of
    charges by name, or a mapping: of segments to brokerage, or with `plan` (either of the two) and
    `rounding`; `none` takes nothing. None is the broker's own plan in `live`, else `none`.
    `backtest.fee_bps` and `backtest.commission_per_trade` are added to any plan, so that `none`
    with `fee_bps` 3 costs just 3 bps.
    """

    openalgo: OpenAlgoConfig = OpenAlgoConfig()
    data: DataConfig = DataConfig()
    backtest: BacktestConfig = BacktestConfig()
    execution: ExecutionConfig = ExecutionConfig()
    broker: str | dict[str, Any] = "zerodha"
    costs: str | dict[str, Any] | None = None
    tax: TaxConfig = TaxConfig()
    strategy: StrategyConfig = StrategyConfig()
    ui: UiConfig = UiConfig()
    logging: LoggingConfig = LoggingConfig()

    _places: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def places(self) -> Mapping[str, str]:
        """Where each setting was given, by its path such as `data.symbol`: `file:line:col` or
        `--set key`. What has its default or came from Python is not among them."""
        return self._places

    def where(self, path: str) -> str | None:
        """The place of one setting, None where `places` has none."""
        return self._places.get(path)

    def placed(self, places: Mapping[str, str]) -> Self:
        """A copy with these `places`."""
        copy = self.model_copy()
        copy._places = dict(places)
        return copy

    def secrets(self) -> frozenset[str]:
        """Every secret among the values, to be kept out of whatever is written."""
        found = set(secrets_in(self.strategy.own_parameters()))
        return frozenset(filter(None, found | {self.openalgo.api_key.get_secret_value()}))

    def public_dict(self) -> dict[str, Any]:
        """All settings as JSON-able data, secrets as `***`."""
        settings: dict[str, Any] = masked(self.model_dump(mode="json"))
        return settings
