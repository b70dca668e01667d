"""What is said of a bot's source: a table of small bots and the remarks on them."""

from __future__ import annotations

import textwrap
from datetime import date
from pathlib import Path

import pytest

from tapeback.bots.doctor.examine import examine_script
from tapeback.bots.doctor.remarks import CODES, Remark
from tapeback.errors import StrategyNotFoundError
from tapeback.utils.clock import day_of

_HEAD = """\
from openalgo import api
client = api(api_key="k")
"""


@pytest.fixture
def examine(tmp_path: Path):
    def run(source: str, start: str = "", end: str = "", *, head: str = _HEAD) -> list[Remark]:
        path = tmp_path / "bot.py"
        path.write_text(head + textwrap.dedent(source), encoding="utf-8")
        days = [day_of(date.fromisoformat(text)) if text else None for text in (start, end)]
        return examine_script(path, first_day=days[0], last_day=days[1])

    return run


def told(remarks: list[Remark], code: str) -> list[str]:
    return [one.message for one in remarks if one.code == code]


_ORDER = 'symbol="SBIN", action="BUY", exchange="NSE"'

# A line of a bot, the code, and a part of what is said about it.
_WRONG = [
    ("client.optionschain(underlying='NIFTY')", "method_unknown", "did you mean 'optionchain'"),
    ("client.placeorder('X', symbol='SBIN')", "positional_call", "no positional arguments"),
    ("client.openposition(symbol='SBIN', exchange='NSE')", "argument_missing", "needs product="),
    ("client.closeposition(symbol='SBIN')", "argument_unknown", "knows no symbol="),
    (f"client.placeorder({_ORDER}, validity='DAY')", "argument_unknown", "validity="),
    (f"client.placeorder({_ORDER}, price_type='MKT')", "value_unknown", "'MKT'"),
    (
        "client.history(symbol='A', exchange='NSE', interval='5min', start_date='', end_date='')",
        "value_unknown", "'5min' (did you mean '5m'?)",
    ),
    ("client.subscribe_ltp([{'exchange': 'NSE', 'symbol': '*'}])", "subscribe_all", "'*'"),
    (f"print(client.placeorder({_ORDER})['order_id'])", "wrong_key", "(it is 'orderid')"),
    ("[p for p in client.positionbook()['data'] if p['netqty']]", "wrong_key", "is 'quantity'"),
    ("client.positionbook()['data']['positions']", "wrong_key", "is a list of rows"),
    ("client.funds()['data']['available_cash']", "wrong_key", "(it is 'availablecash')"),
    ("client.quotes(symbol='SBIN', exchange='NSE')['ltp']", "wrong_key", "no key 'ltp'"),
    ("for o in client.orderbook()['data']: print(o)", "rows_as_keys", "stand under 'orders'"),
    ("for row in client.holdings()['data']: pass", "rows_as_keys", "under 'holdings'"),
    ("def f():\n    return client.tradebook()\nf()['data'][0]['order_id']", "wrong_key", "orderid"),
    ("class B:\n    def a(self):\n        self.r = client.orderstatus(order_id='1')\n"
     "    def b(self):\n        return self.r['data']['status']",
     "wrong_key", "(it is 'order_status')"),
    ("answer = input('sure?')", "asks_for_input", "input()"),
    ("import subprocess\nsubprocess.run(['ls'])", "process_used", "subprocess.run"),
    ("from multiprocessing import Process\nProcess(target=print).start()", "process_used",
     "multiprocessing.Process"),
    ("import os\nos.fork()", "process_used", "os.fork"),
    ("import websocket", "socket_used", "websocket"),
    ("import requests\nrequests.get('https://api.telegram.org/bot')", "network_used",
     "api.telegram.org"),
    ("import numpy as np\nx = np.datetime64('now')", "clock_not_virtual", "datetime64"),
    ("db.execute('INSERT INTO t VALUES (CURRENT_TIMESTAMP)')", "clock_not_virtual",
     "CURRENT_TIMESTAMP"),
    ("import no_such_helper", "module_missing", "no module no_such_helper"),
    ("client.telegram(username='u', message='m')", "messages_kept", "telegram()"),
    ("def broken(:", "syntax_error", "cannot read"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "code", "words"), _WRONG, ids=[f"{c}-{i}" for i, (_, c, _)
                                                                 in enumerate(_WRONG)])  # fmt: skip
def test_what_is_wrong_is_told(examine, line: str, code: str, words: str) -> None:
    messages = told(examine(line), code)
    assert any(words in message for message in messages), messages


_HISTORY = (
    "df = client.history(symbol='SBIN', exchange='NSE', interval='5m', start_date='', end_date='')"
)


@pytest.mark.parametrize(
    "use", ["df['data']", "df[-1]['close']", "for bar in df: pass", "df.get('data', [])"]
)
def test_a_history_is_neither_a_list_nor_a_dict(examine, use: str) -> None:
    assert told(examine(f"{_HISTORY}\n{use}"), "history_shape")


@pytest.mark.parametrize(
    "line",
    [
        f"{_HISTORY}\nif isinstance(df, dict) and df.get('status') == 'error': print(df['code'])\n"
        "df['ema'] = df['close'].ewm(span=5).mean()\nlast = df['close'].iloc[-1]",
        f"r = client.placeorder({_ORDER}, price_type='LIMIT', price=5, trigger_price=0)\n"
        "if r.get('status') == 'success': own = {'order_id': r['orderid']}\nprint(own['order_id'])",
        "for o in client.orderbook()['data']['orders']: print(o['order_status'], o['pricetype'])",
        "for p in client.positionbook().get('data', []): print(p['quantity'], p['ltp'])",
        "args = {'symbol': 'SBIN'}\nclient.placeorder(**args)",
        "client.ltp_data; client.connect(); client.disconnect()",
        "r = client.placeorder(**{})\nr = {'order_id': 1}\nprint(r['order_id'])",
        "app.run(); pool = Pool(); session.get('x')",
        "try:\n    import no_such_helper\nexcept ImportError:\n    no_such_helper = None",
        "chain = client.optionchain(underlying='NIFTY', exchange='NSE_INDEX', expiry_date='x')\n"
        "for row in chain['chain']: print(row['strike'], row['ce']['ltp'], row.get('pe'))",
    ],
)
def test_what_is_right_is_left_alone(examine, line: str) -> None:
    found = [one for one in examine(line) if one.severity != "note"]
    assert found == []


def test_the_line_and_the_remedy_are_told(examine) -> None:
    (one,) = [r for r in examine("\n\nx = client.openpositions()") if r.code == "method_unknown"]
    assert one.line == 5
    assert one.severity == "error"
    assert "AttributeError" in one.remedy


def test_the_client_is_found_under_other_names(examine) -> None:
    source = """
        import openalgo
        from openalgo import api as Connection
        class Bot:
            def __init__(self):
                self.broker = Connection(api_key="k")
                self.second = openalgo.api("k")
            def go(self):
                self.broker.nothing()
                self.second.nothing_either()
        def helper(client):
            client.nor_this()
        redis.nothing()
        """
    assert len(told(examine(source, head=""), "method_unknown")) == 3


# --- idioms and series


def test_idioms_are_named(examine) -> None:
    source = """
        import threading, time, asyncio
        from apscheduler.schedulers.background import BackgroundScheduler
        threading.Thread(target=print).start()
        client.subscribe_ltp([{"exchange": "NSE", "symbol": "SBIN"}])
        PAUSE = 15
        while True:
            time.sleep(PAUSE)
        """
    shown = " ".join(told(examine(source), "idiom"))
    for words in ("time.sleep of 15 s", "threads", "APScheduler", "asyncio", "feed (ltp)"):
        assert words in shown


def test_the_series_and_the_commands_that_bring_them(examine) -> None:
    source = """
        import os
        STOCKS = ["SBIN", "TCS"]
        EXCHANGE = os.getenv("EXCHANGE", "NSE")
        for stock in STOCKS:
            client.history(symbol=stock, exchange=EXCHANGE, interval="15m",
                           start_date="", end_date="")
        """
    remarks = [r for r in examine(source, "2024-01-01", "2024-03-31") if r.code == "data_needed"]
    assert [r.remedy for r in remarks] == [
        f"--data {name}:NSE:15m=FILE, or: tapeback data fetch {name}:NSE:15m "
        "--start 2024-01-01 --end 2024-03-31"
        for name in ("SBIN", "TCS")
    ]


def test_options_are_fetched_by_their_underlying(examine) -> None:
    source = """
        client.optionsorder(underlying="NIFTY", exchange="NSE_INDEX", offset="ATM",
                            option_type="CE", action="SELL", quantity=75)
        """
    remedies = " ".join(r.remedy for r in examine(source) if r.code == "data_needed")
    assert "--underlying NIFTY" in remedies
    assert "NIFTY:NSE_INDEX:1m" in remedies


# --- constants by date


_STRADDLE = """
    LOTS = {"NIFTY": 75}
    QUANTITY = 75
    client.optionsorder(underlying="NIFTY", exchange="NSE_INDEX", offset="ATM", option_type="CE",
                        action="SELL", quantity=QUANTITY, price_type="SL-M", trigger_price=5)
    """


def test_a_lot_of_other_dates(examine) -> None:
    early = told(examine(_STRADDLE, "2024-02-01", "2024-03-28"), "lot_of_other_dates")
    assert any("75 is no multiple of NIFTY's lot, 50 on 2024-02-01" in text for text in early)
    assert len(early) == 2  # the constant and the table
    assert told(examine(_STRADDLE, "2025-03-03", "2025-09-30"), "lot_of_other_dates") == []


def test_a_stop_at_market_on_options(examine) -> None:
    found = told(examine(_STRADDLE, "2024-02-01", "2024-03-28"), "stop_market_on_options")
    assert found == ["SL-M on options is not taken by NFO on 2024-03-28."]
    assert not told(examine(_STRADDLE, "2020-02-03", "2020-03-26"), "stop_market_on_options")
    share = _STRADDLE + '\n    client.placeorder(symbol="SBIN", exchange="NSE", action="BUY", '
    share += 'price_type="SL-M", trigger_price=5)'
    assert len(told(examine(share, "2024-02-01", "2024-03-28"), "stop_market_on_options")) == 1


@pytest.mark.parametrize(
    "line",
    ["is_expiry = now.weekday() == 3", "if expiry_mode and 3 == now.weekday(): pass",
     "def next_expiry(day):\n        return (3 - day.weekday()) % 7"],
)  # fmt: skip
def test_an_expiry_weekday_that_moved(examine, line: str) -> None:
    source = f"""
    client.expiry(symbol="NIFTY", exchange="NFO", instrumenttype="options")
    {line}
    """
    later = told(examine(source, "2025-10-01", "2025-12-31"), "expiry_weekday")
    assert later == ["THU is no expiry day of NIFTY on these dates: TUE."]
    assert told(examine(source, "2024-01-01", "2024-06-30"), "expiry_weekday") == []
    across = told(examine(source, "2025-06-01", "2025-12-31"), "expiry_weekday")
    assert len(across) == 1
    assert "TUE from about 2025-09" in across[0]


def test_a_weekday_that_is_no_expiry_is_left_alone(examine) -> None:
    source = """
    client.expiry(symbol="NIFTY", exchange="NFO", instrumenttype="options")
    if now.weekday() == 3: pass
    """
    assert told(examine(source, "2025-10-01", "2025-12-31"), "expiry_weekday") == []


@pytest.mark.parametrize(
    "line",
    ['if now.strftime("%H:%M") >= "15:20": pass', "from datetime import time\nEXIT = time(15, 20)",
     "exit_at = now.replace(hour=15, minute=20, second=0)",
     'scheduler.add_job(print, "cron", hour=15, minute=20)'],
)  # fmt: skip
def test_exits_in_the_closing_auction(examine, line: str) -> None:
    source = f'client.quotes(symbol="RELIANCE", exchange="NSE")\n{line}'
    late = told(examine(source, "2026-08-03", "2026-09-30"), "late_exit")
    assert len(late) == 1
    assert "At 15:20 RELIANCE is in its closing auction" in late[0]
    assert told(examine(source, "2026-05-01", "2026-07-31"), "late_exit") == []
    future = source.replace("RELIANCE", "RELIANCE29SEP26FUT").replace("NSE", "NFO")
    assert told(examine(future, "2026-08-03", "2026-09-30"), "late_exit") == []


def test_the_name_of_a_contract(examine) -> None:
    source = 'client.quotes(symbol="NIFTY24NOV26FUT", exchange="NFO")'
    (plain,) = [r for r in examine(source) if r.code == "contract_named"]
    assert (plain.severity, plain.remedy) == ("note", "--map NIFTY24NOV26FUT=NIFTY-I")
    (early,) = [r for r in examine(source, "2024-01-01", "2024-03-31") if r.code == plain.code]
    assert early.severity == "warning"
    assert "not traded in this run" in early.message


# --- the whole


def test_the_gravest_come_first_and_twice_is_the_same(examine) -> None:
    source = "client.telegram(username='u', message='m')\nimport websocket\nclient.nothing()"
    remarks = examine(source)
    order = [("error", "warning", "note").index(one.severity) for one in remarks]
    assert order == sorted(order)
    assert remarks == examine(source)
    assert all(one.code in CODES for one in remarks)


def test_nothing_is_executed(examine, tmp_path: Path) -> None:
    examine(f"open({str(tmp_path / 'made')!r}, 'w')\nimport antigravity")
    assert not (tmp_path / "made").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StrategyNotFoundError, match="cannot be read"):
        examine_script(tmp_path / "nobody.py")


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"x = '\xe9'", b"a\x00b", b""])
def test_odd_bytes_are_no_traceback(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "bot.py"
    path.write_bytes(data)
    assert [one.code for one in examine_script(path)] == (["syntax_error"] if data else [])
