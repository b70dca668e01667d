"""Taking a file apart into the rows of single instruments."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.data.contracts.names import contract_of, readings_of
from tapeback.data.contracts.sources import Source, plain_file
from tapeback.data.json_columns import read_json_columns
from tapeback.data.stamps import NO_STAMP, Stamps, parse_stamps, to_utc
from tapeback.data.tables import Table, read_table
from tapeback.errors import DataFormatError
from tapeback.models.instrument import EXCHANGES, Instrument
from tapeback.utils.clock import day_number

if TYPE_CHECKING:
    import pandas as pd

_PARQUET = (".parquet", ".pq")
_DELIMITERS = ",;\t|"

_ROLES: dict[str, tuple[str, ...]] = {
    "underlying": (
        *("underlying", "underlying_symbol", "name", "root", "tckrsymb"),
        *("symbol", "ticker", "scrip", "stock_code", "instrument"),
    ),
    "expiry": ("expiry", "expiry_date", "expirydate", "expiry_dt", "xprydt", "exp_date"),
    "strike": ("strike", "strike_price", "strikeprice", "strkpric", "strike_pr"),
    "type": (
        *("option_type", "optiontype", "option_typ", "optntp", "opt_type", "right", "call_put"),
        *("cp", "instrument_type", "instrumenttype", "type"),
    ),
    "exchange": ("exchange", "exch", "segment"),
}


class Part(NamedTuple):
    """The rows of one instrument in a file; what its columns say about it, where they do, and what
    is wrong with that."""

    table: Table
    name: str = ""
    exchange: str | None = None
    contract: Instrument | None = None
    error: DataFormatError | None = None


def parts_of(source: Source) -> list[Part]:
    """The rows of a file by instrument, as its columns tell them apart: contract columns
    (underlying, expiry, strike, type), a column of symbols, or one instrument.

    Raises as `read_table` does.
    """
    with plain_file(source) as path:
        table = read_table(path)
        table.path = source.path if not source.member else Path(source.name)
        columns = _contract_columns(path)
        if columns is not None:
            # A line of names stands above the rows of text.
            first = 1 if path.suffix.lower() in (*_PARQUET, ".json") else 2
            return _by_contract(table, columns.iloc[table.lines - first])
    if table.symbols is None:
        return [Part(table)]
    return _by_symbol(table)


def _contract_columns(path: Path) -> pd.DataFrame | None:
    """The columns of a file that tell contracts, by role; None where there is no expiry, or
    nothing that has one."""
    import pandas as pd

    if path.suffix.lower() in _PARQUET:
        import pyarrow.parquet as pq

        names = pq.read_schema(path).names
        roles = _roles(names)
        if roles is None:
            return None
        chosen = [names[i] for i in roles.values()]
        frame: pd.DataFrame = pq.read_table(path, columns=chosen).to_pandas()
        return frame.rename(columns={names[i]: role for role, i in roles.items()})
    if path.suffix.lower() == ".json":
        columns = read_json_columns(path.read_text(encoding="utf-8-sig"), path)
        roles = _roles(list(columns))
        if roles is None:
            return None
        lists = list(columns.values())
        return pd.DataFrame({role: lists[i] for role, i in roles.items()})
    with path.open(encoding="utf-8-sig", newline=None) as file:
        first = file.readline()
    delimiter = max(_DELIMITERS, key=first.count)
    roles = _roles(next(csv.reader([first], delimiter=delimiter), []))
    if roles is None:
        return None
    by_place = {place: role for role, place in roles.items()}
    frame = pd.read_csv(
        path,
        sep=delimiter,
        header=None,
        skiprows=1,
        usecols=sorted(by_place),
        dtype=object,
        skipinitialspace=True,
        skip_blank_lines=False,
        encoding="utf-8-sig",
    )
    return frame.rename(columns=by_place)


def _roles(fields: Sequence[str]) -> dict[str, int] | None:
    names = {re.sub(r"[\s.\-]+", "_", f.strip().lower()): i for i, f in enumerate(fields)}
    roles = {
        role: next(names[spelling] for spelling in spellings if spelling in names)
        for role, spellings in _ROLES.items()
        if any(spelling in names for spelling in spellings)
    }
    return roles if {"underlying", "expiry"} <= roles.keys() else None


def _by_contract(table: Table, columns: pd.DataFrame) -> list[Part]:
    """`columns` are those of the table's rows, row by row."""
    columns = columns.reset_index(drop=True).astype(object)
    columns = columns.where(columns.notna(), "").astype(str)
    for role in ("strike", "type", "exchange"):
        if role not in columns:
            columns[role] = ""
    grouped = columns.groupby(list(_ROLES), sort=True).indices
    keys = [tuple(map(str, cast("tuple[str, ...]", key))) for key in grouped]
    days = _days(sorted({key[1] for key in keys}), table)
    parts = []
    for key, rows in zip(keys, grouped.values(), strict=True):
        underlying, _, strike, kind, exchange = (text.strip() for text in key)
        named = exchange.upper() if exchange.upper() in EXCHANGES else None
        part = Part(_rows(table, np.asarray(rows)), underlying, named)
        expiry = days[key[1]]
        # Shares among contracts have no expiry.
        if expiry is not None:
            part = _of_contract(part, expiry, strike, kind)
        parts.append(part)
    return _united(parts)


def _of_contract(part: Part, expiry: int, strike: str, kind: str) -> Part:
    try:
        contract = _openalgo(part.name) or contract_of(
            part.name,
            expiry,
            strike=float(strike.replace(",", "") or 0),
            option_type=kind,
            exchange=part.exchange,
        )
    except ValueError:
        error = DataFormatError(f"strike {strike!r} is no number.", where=part.table.place(0))
        return part._replace(error=error)
    except DataFormatError as problem:
        error = DataFormatError(problem.what, where=part.table.place(0), remedy=problem.remedy)
        return part._replace(error=error)
    return part._replace(name=contract.symbol, exchange=contract.exchange, contract=contract)


def _openalgo(name: str) -> Instrument | None:
    """The contract of a whole symbol that stands where an underlying is expected."""
    readings = readings_of(name)
    return readings[0].instrument if len(readings) == 1 else None


def _united(parts: list[Part]) -> list[Part]:
    """One part for each contract, where rows wrote the same one in different ways."""
    by_name: dict[tuple[str, str | None], list[Part]] = {}
    for part in parts:
        if part.error is None:
            by_name.setdefault((part.name, part.exchange), []).append(part)
    wrong = [part for part in parts if part.error is not None]
    return wrong + [
        same[0] if len(same) == 1 else same[0]._replace(table=_joined([p.table for p in same]))
        for same in by_name.values()
    ]


def _joined(tables: list[Table]) -> Table:
    first = tables[0]
    return msgspec.structs.replace(
        first,
        stamps=Stamps(np.concatenate([t.stamps.ts for t in tables]), first.stamps.zone),
        values=[np.concatenate([t.values[i] for t in tables]) for i in range(len(first.values))],
        lines=np.concatenate([t.lines for t in tables]),
    )


def _days(expiries: list[str], table: Table) -> dict[str, int | None]:
    """The Indian day number of each text, None for an empty one."""
    plain = [text.strip().removesuffix(" 00:00:00").removesuffix(".0") for text in expiries]
    stamps = parse_stamps(
        ["" if text in ("-", "nan", "NaT") else text for text in plain],
        None,
        place=lambda row: f"{table.path.name}, expiry {expiries[row]!r}",
    )
    days = (None if ts == NO_STAMP else day_number(ts) for ts in to_utc(stamps).tolist())
    return dict(zip(expiries, days, strict=True))


def _by_symbol(table: Table) -> list[Part]:
    assert table.symbols is not None
    names, codes = np.unique(np.char.upper(table.symbols.astype("U")), return_inverse=True)
    if len(names) == 1:
        return [Part(_rows(table, np.arange(len(table.lines))), str(names[0]))]
    order = np.argsort(codes, kind="stable")
    pieces = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return [Part(_rows(table, rows), str(name)) for name, rows in zip(names, pieces, strict=True)]


def _rows(table: Table, rows: npt.NDArray[np.intp]) -> Table:
    """Some rows of a table, in its order, without the names that told them apart."""
    return msgspec.structs.replace(
        table,
        stamps=Stamps(table.stamps.ts[rows], table.stamps.zone),
        values=[column[rows] for column in table.values],
        symbols=None,
        lines=table.lines[rows],
    )
