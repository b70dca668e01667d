"""Reading time stamps: the forms of dates, clock times and epochs that data files hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Literal, NoReturn

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.errors import DataFormatError
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, SECOND_NS, day_of

Ints = npt.NDArray[np.int64]
Place = Callable[[int], str]
Zone = Literal["naive", "known"]

NO_STAMP = int(np.iinfo(np.int64).min)
# A whole second of fraction may come on top.
_LAST = int(np.iinfo(np.int64).max) - SECOND_NS
_REMEDY = (
    "Write stamps as YYYY-MM-DD HH:MM[:SS], YYYYMMDD, DD-MM-YYYY, DD/MM/YYYY, DD-Mon-YYYY "
    "or epoch seconds, ms, µs or ns."
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_MONTH_NAME = re.compile(r"(\d{1,2})[-/ ]?([A-Za-z]{3})[A-Za-z]*[-/ ]?(\d{4}|\d{2})")
_CLOCK = re.compile(
    r"(\d{1,2}):?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?"
    r"(?:\s*([AaPp])\.?[Mm]\.?)?\s*(Z|[+-]\d{2}:?\d{2})?"
)
_NUMBER = re.compile(r"\d+(?:\.\d*)?")
_COMPACT_STAMP = re.compile(r"(?:19|20)\d{10}(?:\d{2})?|21\d{12}")
# Epochs from 1973 on, told apart by their size.
_EPOCH_UNITS = ((10**8, SECOND_NS), (10**11, 10**6), (10**14, 10**3), (10**17, 1))
_Parts = tuple[int, int, int]


class Stamps(msgspec.Struct, frozen=True):
    """Stamps as read: `ts` int64, ns UTC when `zone` is `known` (an offset or an epoch), ns of
    the unzoned wall clock when it is `naive`; `NO_STAMP` where a row has none."""

    ts: Ints
    zone: Zone


def parse_stamps(dates: Sequence[str], clocks: Sequence[str] | None, *, place: Place) -> Stamps:
    """Stamps from a column of texts, or from a date and a clock column; empty texts have none.

    Whether 03/04/2024 is the third of April is decided by all rows together. `place` tells where
    a row stands. Raises DataFormatError at the first row that cannot be read, and when day and
    month cannot be told apart.
    """
    if clocks is None:
        number = next((text for text in dates if text), "")
        if _NUMBER.fullmatch(number) and not _is_calendar_number(number):
            return Stamps(_epochs(dates, place), "known")
        dates, clocks = _split(dates)
    days = _days(dates, place)
    times, offsets = _clocks(clocks, dates, place)
    ts = np.where(days == NO_STAMP, NO_STAMP, days * DAY_NS + times)
    if offsets is None:
        return Stamps(ts, "naive")
    return Stamps(np.where(days == NO_STAMP, NO_STAMP, ts - offsets), "known")


def to_utc(stamps: Stamps, *, read_as_utc: bool = False) -> Ints:
    """The stamps in ns UTC; naive ones are Indian time unless `read_as_utc`."""
    if stamps.zone == "known" or read_as_utc:
        return stamps.ts
    return np.where(stamps.ts == NO_STAMP, NO_STAMP, stamps.ts - IST_OFFSET_NS)


def _is_calendar_number(text: str) -> bool:
    return bool(len(text) == 8 or _COMPACT_STAMP.fullmatch(text))


def _split(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Dates and clock times of joined stamps."""
    first = next((text for text in texts if text), "")
    if _COMPACT_STAMP.fullmatch(first):
        return [text[:8] for text in texts], [text[8:] for text in texts]
    separator = "T" if re.match(r"[\d-]+T\d", first) else " "
    if separator == " " and re.match(r"\d{1,2} [A-Za-z]{3,9} \d{2,4}", first):
        parts = [text.rsplit(" ", 1) if ":" in text else [text, ""] for text in texts]
        return [part[0] for part in parts], [part[-1] for part in parts]
    partitions = [text.partition(separator) for text in texts]
    return [part[0] for part in partitions], [part[2].strip() for part in partitions]


def _epochs(texts: Sequence[str], place: Place) -> Ints:
    ts = np.full(len(texts), NO_STAMP, np.int64)
    for index, text in enumerate(texts):
        if not text:
            continue
        whole, _, fraction = text.partition(".")
        if not _NUMBER.fullmatch(text):
            _refuse(text, index, place)
        number = int(whole)
        unit = next((unit for low, unit in reversed(_EPOCH_UNITS) if number >= low), 0)
        if not unit or number * unit >= _LAST:
            _refuse(text, index, place)
        ts[index] = number * unit + int(float(f"0.{fraction or 0}") * unit)
    return ts


def _days(texts: Sequence[str], place: Place) -> Ints:
    """Day number of each date."""
    distinct = dict.fromkeys(texts)
    distinct.pop("", None)
    first = next(iter(distinct), "")
    read = _date_reader(first, distinct, texts, place)
    numbers: dict[str, int] = {"": NO_STAMP}
    for text in distinct:
        parts = read(text)
        try:
            if parts is None or not 1900 <= parts[0] <= 2200:
                raise ValueError
            numbers[text] = day_of(date(*parts))
        except ValueError:
            _refuse(text, texts.index(text), place)
    return np.fromiter(map(numbers.__getitem__, texts), np.int64, len(texts))


def _date_reader(
    first: str, distinct: Iterable[str], texts: Sequence[str], place: Place
) -> Callable[[str], _Parts | None]:
    """How this column's dates are read, by the form of its first."""
    if _YEAR_FIRST.fullmatch(first):
        return lambda text: _numbers(_YEAR_FIRST, text, (1, 2, 3))
    if _COMPACT.fullmatch(first):
        return lambda text: _numbers(_COMPACT, text, (1, 2, 3))
    if _MONTH_NAME.fullmatch(first):
        return _named_month
    if _YEAR_LAST.fullmatch(first):
        month, day = _month_and_day(distinct, texts, place)
        return lambda text: _numbers(_YEAR_LAST, text, (3, month, day))
    return lambda text: None


def _numbers(form: re.Pattern[str], text: str, order: _Parts) -> _Parts | None:
    match = form.fullmatch(text)
    if match is None:
        return None
    return int(match[order[0]]), int(match[order[1]]), int(match[order[2]])


def _named_month(text: str) -> _Parts | None:
    match = _MONTH_NAME.fullmatch(text)
    if match is None or match[2].lower() not in _MONTHS:
        return None
    year = int(match[3])
    return year + 2000 if year < 100 else year, _MONTHS.index(match[2].lower()) + 1, int(match[1])


def _month_and_day(distinct: Iterable[str], texts: Sequence[str], place: Place) -> tuple[int, int]:
    """Which of the two leading numbers is the month and which the day, judged by all dates."""
    firsts, seconds = set(), set()
    for text in distinct:
        match = _YEAR_LAST.fullmatch(text)
        if match is None:
            _refuse(text, texts.index(text), place)
        firsts.add(int(match[1]))
        seconds.add(int(match[2]))
    if max(firsts) > 12 >= max(seconds):
        return 2, 1
    if max(seconds) > 12 >= max(firsts):
        return 1, 2
    example = next(iter(distinct))
    mixed = max(firsts) > 12
    raise DataFormatError(
        f"the dates mix day first and month first, as in {example!r}."
        if mixed
        else f"{example!r} and all other dates could be day first or month first.",
        where=place(texts.index(example)),
        remedy="Write the dates as YYYY-MM-DD.",
    )


def _clocks(texts: Sequence[str], dates: Sequence[str], place: Place) -> tuple[Ints, Ints | None]:
    """Nanoseconds after midnight, and the offsets from UTC if the texts have any."""
    parsed: dict[str, tuple[int, int | None]] = {}
    for text in dict.fromkeys(texts):
        read = _clock(text)
        if read is None:
            index = texts.index(text)
            _refuse(f"{dates[index]} {text}", index, place)
        parsed[text] = read
    offsets = {offset for text, (_, offset) in parsed.items() if text}
    times = np.fromiter((parsed[text][0] for text in texts), np.int64, len(texts))
    if not offsets or offsets == {None}:
        return times, None
    if None in offsets:
        index = next(i for i, text in enumerate(texts) if text and parsed[text][1] is None)
        raise DataFormatError(
            f"the stamp {dates[index]} {texts[index]!r} has no offset from UTC, others have one.",
            where=place(index),
            remedy="Write all stamps with their offset, or none.",
        )
    return times, np.fromiter((parsed[text][1] or 0 for text in texts), np.int64, len(texts))


def _clock(text: str) -> tuple[int, int | None] | None:
    """Nanoseconds after midnight and offset from UTC; an empty text is midnight."""
    if not text:
        return 0, None
    # Columns of whole numbers lose the zero of 0915.
    padded = f"0{text}" if re.fullmatch(r"\d{3}|\d{5}", text) else text
    match = _CLOCK.fullmatch(padded)
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[5]:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if match[5] in "Pp" else 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    nanoseconds = int((match[4] or "").ljust(9, "0"))
    return (hours * 3600 + minutes * 60 + seconds) * SECOND_NS + nanoseconds, _offset(match[6])


def _offset(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return (-minutes if text[0] == "-" else minutes) * 60 * SECOND_NS


def _refuse(text: str, index: int, place: Place) -> NoReturn:
    raise DataFormatError(
        f"{text.strip()!r} is no date and time.", where=place(index), remedy=_REMEDY
    )
