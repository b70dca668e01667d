"""Remarks about a bot: one catalogue of codes for what its source shows and what its run does."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Code(NamedTuple):
    """How bad it is, and what to do about it where nothing more precise is known."""

    severity: Severity
    remedy: str


CODES: dict[str, Code] = {
    # --- calls of the SDK
    "syntax_error": Code("error", "Correct the line: Python cannot read the file."),
    "method_unknown": Code("error", "Use the SDK's own name; live it raises AttributeError too."),
    "positional_call": Code(
        "error", "Name the arguments: the SDK takes keywords only and raises TypeError live too."
    ),
    "argument_missing": Code("error", "Add the argument; live it raises TypeError too."),
    "argument_unknown": Code(
        "error", "Leave it out: OpenAlgo refuses the whole call with 400 'Unknown field.'."
    ),
    "value_unknown": Code("error", "Use one of OpenAlgo's words; the call is refused live too."),
    "wrong_key": Code("error", "Use the key that OpenAlgo's reply has."),
    "rows_as_keys": Code(
        "error", "Take the list that the reply holds; a loop over a dict gives its keys."
    ),
    "history_shape": Code(
        "error",
        "history() gives a DataFrame indexed by time (on failure a dict with 'status' and "
        "'message'): use df['close'].iloc[-1], df.iterrows().",
    ),
    "subscribe_all": Code("error", "Name each symbol: the feed knows no '*'."),
    # --- what a backtest cannot give
    "asks_for_input": Code(
        "error", "Pass the answer as an argument or an environment variable (--env NAME=VALUE)."
    ),
    "bot_asks_for_input": Code(
        "error", "Pass the answer as an argument or an environment variable (--env NAME=VALUE)."
    ),
    "process_used": Code(
        "warning", "Use threads: other processes run in real time and are refused in a backtest."
    ),
    "socket_used": Code(
        "warning", "Use the SDK's feed and calls: raw sockets reach nobody in a backtest."
    ),
    "network_used": Code(
        "warning", "Other hosts are refused in a backtest; check that the bot goes on without them."
    ),
    "clock_not_virtual": Code("warning", "Use datetime.now() or pd.Timestamp.now()."),
    "module_missing": Code("error", "Install it here, or put the module beside the script."),
    # --- constants
    "lot_of_other_dates": Code(
        "warning", "Take the lot from client.symbol(), or run with the lots setting 'bot'."
    ),
    "expiry_weekday": Code("warning", "Take the expiry from client.expiry()."),
    "late_exit": Code(
        "warning", "Exit before the continuous market ends, such as at 15:10, or use derivatives."
    ),
    "stop_market_on_options": Code("warning", "Send SL with a limit price instead."),
    "contract_named": Code("note", "Map it to its equivalent of each date with --map."),
    # --- idioms
    "idiom": Code("note", ""),
    "data_needed": Code("note", "Pass the file with --data, or fetch the bars once."),
    "messages_kept": Code("note", "They are shown in the log and never sent."),
    # --- seen in a run
    "never_traded": Code("warning", "See what its conditions were waiting for in bot.log."),
    "error_reply": Code("warning", "Read the message: the call had no effect."),
    "order_rejected": Code(
        "warning", "Ask orderstatus() before the position is taken for granted."
    ),
    "no_data": Code("error", "Fetch the bars, or pass them with --data."),
    "network_refused": Code("warning", "A backtest has no network; --allow network opens it."),
    "process_refused": Code(
        "warning", "A backtest starts no other process; --allow processes permits it."
    ),
    "write_refused": Code(
        "warning", "Write beside the script: its folder is the only one that a bot may change."
    ),
    "read_refused": Code(
        "warning", "Put the file beside the script: a bot reads nothing else of the machine."
    ),
    "library_refused": Code("warning", "Call libraries through a package."),
    "output_cut": Code("note", "Print less: only the beginning is kept."),
    "bot_stuck": Code("warning", "See where each thread stood."),
    "bot_spins": Code("note", "Add a time.sleep to the loop."),
    "bot_thread_failed": Code("warning", "Catch the error in the thread's function."),
    "bot_fails_while_ending": Code("note", "See its traceback in bot.log."),
    "bot_ignores_its_end": Code("note", "Catch Exception, not everything."),
}


class Remark(msgspec.Struct, frozen=True):
    """One thing about a bot's source: the line it stands in (1 where it is about the whole), what
    it is, what to do."""

    code: str
    severity: Severity
    line: int
    message: str
    remedy: str

    def to_dict(self) -> dict[str, object]:
        return msgspec.structs.asdict(self)


def remark(code: str, line: int, message: str, remedy: str | None = None) -> Remark:
    """A remark with the catalogue's severity, and its remedy where none is given."""
    known = CODES[code]
    return Remark(code, known.severity, line, message, known.remedy if remedy is None else remedy)
