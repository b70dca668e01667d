"""When a broker closes what is held in MIS (fill contract S3)."""

from __future__ import annotations

from tapeback.market.brokers import SEGMENT_OF, BrokerProfile, clock_ns
from tapeback.market.dated import Row
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import MINUTE_NS, midnight

EARLY_NS = 15 * MINUTE_NS
_LATE_EVENING_NS = clock_ns("23:30")


def squareoff_rule(
    profile: BrokerProfile, instrument: Instrument, day: int, has_closing_auction: bool
) -> Row | None:
    """The row that an instrument's square-off goes by on a day; None where MIS knows none.

    A share that closes by auction follows the earlier of its own row and that of shares.
    """
    segment = SEGMENT_OF.get(instrument.exchange)
    if segment is None:
        return None
    rule = profile.row(day, "square_off", instrument.exchange) or profile.row(
        day, "square_off", segment
    )
    if has_closing_auction and segment == "equity":
        auction = profile.row(day, "square_off", "closing_auction")
        if auction is not None and (rule is None or _clock(auction) < _clock(rule)):
            return auction
    return rule


def time_of(rule: Row, session_opens: int, session_closes: int, day: int) -> int:
    """The instant, ns UTC, at which a rule closes MIS positions in the session of the Indian day
    number `day` between two instants. Where the broker's time is not within the session, as on a
    Muhurat evening or when it ends early, it is 15 minutes before the end.
    """
    if "at" in rule.values:
        at = midnight(day) + clock_ns(rule["at"])
    else:
        late = session_closes - midnight(day) > _LATE_EVENING_NS
        minutes = rule.get("before_late_close") if late else None
        at = session_closes - (rule["before_close"] if minutes is None else minutes) * MINUTE_NS
    if session_opens < at <= session_closes:
        return at
    early = session_closes - EARLY_NS
    return early if early > session_opens else session_closes


def _clock(rule: Row) -> str:
    """A row's time of the day; one that counts from the close is later than any."""
    at: str = rule.get("at", "24:00")
    return at
