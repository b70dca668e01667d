"""The exchanges' bhavcopies: one file a day, of all contracts or all shares, as daily bars.

Old NSE files (until July 2024) and UDiFF files of NSE and BSE, cash and derivatives. Open interest
is in units in all of them; the volume of derivatives is in contracts of one lot, which the turnover
of the file itself proves, and is turned into units.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from tapeback.data.contracts.names import contract_of
from tapeback.data.contracts.reading import Item, Reading, problem_of
from tapeback.data.contracts.sources import Source, bytes_of
from tapeback.data.stamps import parse_stamps
from tapeback.errors import DataFormatError, TapebackError
from tapeback.market.candles import Candles
from tapeback.market.contracts.terms import lot_of, lot_row_of
from tapeback.models.finding import Origin
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import DAY_NS, midnight

if TYPE_CHECKING:
    import pandas as pd

Layout = Literal["udiff", "fo", "cm", "cm-full"]

# Column of the file by what it holds here.
_LAYOUTS: dict[Layout, dict[str, str]] = {
    "udiff": {
        "day": "TradDt",
        "segment": "Sgmt",
        "source": "Src",
        "symbol": "TckrSymb",
        "series": "SctySrs",
        "expiry": "XpryDt",
        "last_day": "FininstrmActlXpryDt",
        "strike": "StrkPric",
        "type": "OptnTp",
        "open": "OpnPric",
        "high": "HghPric",
        "low": "LwPric",
        "close": "ClsPric",
        "oi": "OpnIntrst",
        "volume": "TtlTradgVol",
        "value": "TtlTrfVal",
        "lot": "NewBrdLotQty",
    },
    "fo": {
        "day": "TIMESTAMP",
        "symbol": "SYMBOL",
        "expiry": "EXPIRY_DT",
        "strike": "STRIKE_PR",
        "type": "OPTION_TYP",
        "open": "OPEN",
        "high": "HIGH",
        "low": "LOW",
        "close": "CLOSE",
        "oi": "OPEN_INT",
        "change": "CHG_IN_OI",
        "volume": "CONTRACTS",
        "value": "VAL_INLAKH",
    },
    "cm": {
        "day": "TIMESTAMP",
        "symbol": "SYMBOL",
        "series": "SERIES",
        "open": "OPEN",
        "high": "HIGH",
        "low": "LOW",
        "close": "CLOSE",
        "volume": "TOTTRDQTY",
    },
    "cm-full": {
        "day": "DATE1",
        "symbol": "SYMBOL",
        "series": "SERIES",
        "open": "OPEN_PRICE",
        "high": "HIGH_PRICE",
        "low": "LOW_PRICE",
        "close": "CLOSE_PRICE",
        "volume": "TTL_TRD_QNTY",
    },
}
_NUMBERS = ("strike", "open", "high", "low", "close", "oi", "change", "volume", "value", "lot")
_PRICES = ("open", "high", "low", "close")
_CONTRACT = ["exchange", "symbol", "expiry", "strike", "type"]
_OPTIONAL = frozenset({"series", "last_day", "oi", "change", "value", "lot"})
_LAKH = 100_000
# Rolling settlement, and trade for trade: OpenAlgo's plain symbols.
_SHARES = {"NSE": frozenset({"EQ", "BE", "BZ"}), "BSE": None}
_DERIVATIVES = {"NSE": "NFO", "BSE": "BFO"}
# Files are put together before contracts are told apart, as far as a few hundred MB of memory go.
_ROWS_A_BATCH = 1_500_000


class BhavcopyBatch(NamedTuple):
    """Some files put together: their names, a reading for each with what could not be read, the
    bars of each instrument, and all contracts that they list, traded or not."""

    source: Source
    readings: list[Reading]
    items: Iterator[Item]
    instruments: list[Instrument]


def is_bhavcopy(head: str) -> bool:
    """Whether the first line of a file names the columns of a bhavcopy."""
    return _layout(next(csv.reader([head]), [])) is not None


def read_bhavcopies(
    sources: Sequence[Source], *, symbol: str | None = None
) -> Iterator[BhavcopyBatch]:
    """Daily bars of bhavcopies, of one underlying or share where a `symbol` is named.

    A contract without a trade has no bar on that day and is among the instruments.
    """
    readings: list[Reading] = []
    frames: list[pd.DataFrame] = []
    for source in sources:
        reading = Reading(source)
        readings.append(reading)
        try:
            frames.append(_read(source, symbol))
        except TapebackError as error:
            reading.problems.append(problem_of(error, source))
        if sum(map(len, frames)) >= _ROWS_A_BATCH:
            yield _batch(readings, frames)
            readings, frames = [], []
    if readings:
        yield _batch(readings, frames)


def _layout(fields: Sequence[str]) -> Layout | None:
    names = {field.strip() for field in fields}
    for layout, columns in _LAYOUTS.items():
        if {column for role, column in columns.items() if role not in _OPTIONAL} <= names:
            return layout
    return None


def _read(source: Source, symbol: str | None) -> pd.DataFrame:
    """The rows of a file by role, of one kind whatever its layout: day and expiry as Indian day
    numbers (expiry 0 for shares), volume in units, exchange."""
    import pandas as pd

    text = bytes_of(source).decode("utf-8-sig", errors="replace")
    head = text.split("\n", 1)[0]
    layout = _layout(next(csv.reader([head]), []))
    if layout is None:
        raise DataFormatError("is no bhavcopy.", where=source.label)
    columns = _LAYOUTS[layout]
    try:
        raw = pd.read_csv(io.StringIO(text), dtype=object, skipinitialspace=True)
    except ValueError as error:
        raise DataFormatError(f"the rows cannot be read: {error}.", where=source.label) from None
    raw.columns = raw.columns.str.strip()
    held = {role: column for role, column in columns.items() if column in raw}
    frame = pd.DataFrame({role: raw[column] for role, column in held.items()})
    frame["line"] = np.arange(2, len(frame) + 2)
    frame["symbol"] = frame["symbol"].str.strip().str.upper()
    frame = frame[frame["symbol"].notna()]
    if symbol is not None:
        frame = frame[frame["symbol"] == symbol]
    for role in _NUMBERS:
        frame[role] = _numbers(frame, role, source)
    frame["day"] = _days(frame["day"], source)
    _name_exchange(frame, layout)
    frame = frame[_wanted(frame)]
    frame["expiry"] = _expiries(frame, source)
    frame["type"] = frame["type"].fillna("").str.strip().str.upper() if "type" in frame else ""
    frame["strike"] = frame["strike"].where(frame["type"].isin(("CE", "PE", "CA", "PA")), 0.0)
    if layout == "fo":
        frame["value"] *= _LAKH
        frame["lot"] = _dated_lots(frame)
    if len(frame) and layout in ("fo", "udiff"):
        frame["volume"] = _units(frame)
    return frame[[*_CONTRACT, "day", *_PRICES, "volume", "oi", "lot"]]


def _numbers(frame: pd.DataFrame, role: str, source: Source) -> pd.Series[float]:
    import pandas as pd

    if role not in frame:
        return pd.Series(np.nan, index=frame.index)
    texts = frame[role].astype("string").str.strip().replace({"-": pd.NA, "": pd.NA})
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    wrong = (numbers.isna() & texts.notna()).to_numpy()
    if wrong.any():
        at = int(np.argmax(wrong))
        raise DataFormatError(
            f"{role} is {texts.iloc[at]!r}, which is no number.",
            where=f"{source.label}:{int(frame['line'].iloc[at])}",
        )
    return numbers


def _days(texts: pd.Series[Any], source: Source) -> pd.Series[int]:
    """Indian day numbers of dates, 0 for an empty one."""
    plain = texts.fillna("").astype(str).str.strip().replace("-", "")
    distinct = sorted(set(plain))
    stamps = parse_stamps(distinct, None, place=lambda row: source.label).ts
    days = {
        text: int(ts) // DAY_NS if text else 0 for text, ts in zip(distinct, stamps, strict=True)
    }
    return plain.map(days).astype("int64")


def _name_exchange(frame: pd.DataFrame, layout: Layout) -> None:
    if layout != "udiff":
        frame["exchange"] = "NFO" if layout == "fo" else "NSE"
        return
    origin = frame["source"].str.strip().where(frame["source"].str.strip() == "BSE", "NSE")
    cash = frame["segment"].str.strip() == "CM"
    frame["exchange"] = origin.where(cash, origin.map(_DERIVATIVES))


def _wanted(frame: pd.DataFrame) -> pd.Series[bool]:
    """Shares of the series that are traded as such, and all contracts."""
    wanted = frame["symbol"].str.fullmatch(r"[A-Z0-9][A-Z0-9&_.\-]*")
    if "series" in frame:
        series = frame["series"].fillna("").str.strip()
        wanted &= (frame["exchange"] != "NSE") | series.isin(_SHARES["NSE"] or ())
    return wanted


def _expiries(frame: pd.DataFrame, source: Source) -> pd.Series[int]:
    """Last trading days: where an expiry was moved, the day to which it was."""
    import pandas as pd

    if "expiry" not in frame:
        return pd.Series(0, index=frame.index, dtype="int64")
    named = _days(frame["expiry"], source)
    if "last_day" not in frame:
        return named
    moved = _days(frame["last_day"], source)
    return named.where(moved == 0, moved)


def _dated_lots(frame: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """The lot of each row's contract: by the dated tables, else what turnover and open interest
    of its underlying and expiry show."""
    lots = np.ones(len(frame))
    groups: Any = frame.groupby(["symbol", "expiry"]).indices
    for (name, expiry), rows in groups.items():
        instrument = contract_of(name, int(expiry), exchange="NFO")
        part = frame.iloc[rows]
        day = int(part["day"].iloc[0])
        known = lot_row_of(instrument, day) is not None
        lots[rows] = lot_of(instrument, day) if known else _shown_lot(part)
    return lots


def _shown_lot(rows: pd.DataFrame) -> int:
    """The lot by which turnover is `contracts x lot x price` and that open interest is a multiple
    of; 1 where nothing was traded."""
    ratio = _ratio(rows)
    if not ratio > 0.5:
        return 1
    held = rows[["oi", "change"]].fillna(0).to_numpy().astype(np.int64).ravel().tolist()
    common = math.gcd(*held)
    times = max(1, round(common / ratio))
    return common // times if common and common % times == 0 else round(ratio)


def _units(frame: pd.DataFrame) -> pd.Series[float]:
    """The volume in units: as it stands where turnover shows that it is, else in lots."""
    contracts = (frame["expiry"] > 0) & (frame["lot"] > 1)
    lots = frame["lot"].where(contracts, 1.0)
    traded = frame[contracts & (frame["volume"] > 0)]
    if len(traded) and _ratio(traded) < math.sqrt(float(traded["lot"].median())):
        return frame["volume"]
    return frame["volume"] * lots


def _ratio(rows: pd.DataFrame) -> float:
    """Turnover over `volume x price` (of options: strike and premium), the median of the rows that
    traded; NaN without any."""
    traded = rows[(rows["volume"] > 0) & (rows["value"] > 0)]
    if not len(traded):
        return math.nan
    price = traded["close"] + traded["strike"].fillna(0)
    return float((traded["value"] / (traded["volume"] * price)).median())


def _batch(readings: list[Reading], frames: list[pd.DataFrame]) -> BhavcopyBatch:
    import pandas as pd

    names = [reading.source.path.name for reading in readings]
    label = names[0] if len(names) == 1 else f"{len(names)} bhavcopies, {names[0]} to {names[-1]}"
    source = Source(Path(label))
    if not frames:
        return BhavcopyBatch(source, readings, iter(()), [])
    whole = pd.concat(frames, ignore_index=True)
    groups = whole.groupby(_CONTRACT, sort=True).indices
    contracts: dict[Any, Instrument | None] = {key: _contract(key) for key in groups}
    listed = []
    for key, contract in contracts.items():
        if contract is not None:
            lot = float(whole["lot"].iloc[int(groups[key][-1])])
            lot_size = int(lot) if lot > 1 else contract.lot_size
            listed.append(msgspec.structs.replace(contract, lot_size=lot_size))
    arrays = {name: whole[name].to_numpy() for name in ("day", *_PRICES, "volume", "oi")}
    return BhavcopyBatch(source, readings, _items(groups, contracts, arrays, label), listed)


def _contract(key: Any) -> Instrument | None:
    exchange, symbol, expiry, strike, kind = key
    if not expiry:
        return None
    return contract_of(symbol, int(expiry), strike=strike, option_type=kind, exchange=exchange)


def _items(
    groups: Any, contracts: dict[Any, Instrument | None], arrays: dict[str, Any], label: str
) -> Iterator[Item]:
    """The days with a trade, by instrument."""
    for key, rows in groups.items():
        contract = contracts[key]
        columns = {name: column[rows] for name, column in arrays.items()}
        traded = columns["volume"] > 0
        if not traded.any():
            continue
        columns = {name: column[traded] for name, column in columns.items()}
        order = np.argsort(columns["day"], kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
        days = columns.pop("day")
        candles = Candles.from_arrays(
            symbol=contract.symbol if contract else key[1],
            exchange=key[0],
            timeframe="1d",
            ts=np.array([midnight(int(day)) for day in days], np.int64),
            origin=Origin(kind="file", detail=label),
            **columns,
        )
        if len(candles):
            yield Item(candles, contract)
