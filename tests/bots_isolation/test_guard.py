"""What a bot tries and must not do, tried for real in a real process."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from tapeback.bots.isolation.messages import Permissions
from tests.bots_isolation.playing import Play

posix = pytest.mark.skipif(os.name != "posix", reason="a POSIX call")


def test_a_connection_is_refused_before_anybody_hears_of_it(play: Play) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        played = play(f"""
            import socket
            try:
                socket.create_connection(("127.0.0.1", {port}), timeout=5)
            except PermissionError as error:
                print("refused:", error)
            """)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert played.refused == ["network_refused"]
    assert f"refused in a backtest: connecting to 127.0.0.1:{port}" in played.printed
    _, _, file, line = played.result["refusals"][0]
    assert (file, line) == ("bot.py", 4)


@pytest.mark.parametrize(
    ("attempt", "code"),
    [
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "network_refused"),
        ("import socket; socket.getaddrinfo('api.telegram.org', 443)", "network_refused"),
        (
            "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
            "network_refused",
        ),
        ("import urllib.request; urllib.request.urlopen('http://example.org/')", "network_refused"),
        ("import httpx; httpx.get('https://example.org/')", "network_refused"),
        ("import subprocess, sys; subprocess.run([sys.executable, '-c', ''])", "process_refused"),
        ("import os; os.system('exit 3')", "process_refused"),
        (
            "import multiprocessing as m; m.get_context('spawn').Process(target=print).start()",
            "process_refused",
        ),
        ("import ctypes, sys; ctypes.CDLL(None)", "library_refused"),
        ("open('../../escaped.txt', 'w')", "write_refused"),
        ("import pathlib; pathlib.Path('../../folder').mkdir()", "write_refused"),
        ("import os; os.rename('bot.py', '../../bot.py')", "write_refused"),
        ("import sqlite3; sqlite3.connect('../../trades.db')", "write_refused"),
        ("import sqlite3; sqlite3.connect('file:../../trades.db?mode=rwc', uri=True)",
         "write_refused"),
        ("import os; os.kill(os.getppid(), 0)", "process_refused"),
        ("from threading import Thread; import os; t = Thread(target=os.system, args=('exit 3',)); "
         "t.start(); t.join()", "process_refused"),
    ],
)  # fmt: skip
def test_an_escape_is_refused_and_told(play: Play, attempt: str, code: str) -> None:
    if "ctypes" in attempt and os.name != "posix":
        pytest.skip("CDLL(None) is for POSIX")
    assert code in play(attempt).refused


@posix
@pytest.mark.parametrize(
    "attempt",
    ["os.fork()", "os.execv(sys.executable, ['x'])", "os.posix_spawn(sys.executable, ['x'], {})"],
)
def test_no_way_to_another_process_is_open(play: Play, attempt: str) -> None:
    assert play(f"import os, sys; {attempt}").refused == ["process_refused"]


def test_a_secret_in_the_home_cannot_be_read(play: Play, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    secret = home / ".ssh" / "id_ed25519"
    secret.write_text("PRIVATE", encoding="utf-8")
    played = play(f"""
        import os
        for read in (lambda p: open(p).read(), lambda p: os.open(p, os.O_RDONLY)):
            try:
                print(read({str(secret)!r}))
            except OSError as error:
                print("refused")
        """)
    assert played.refused == ["read_refused"] * 2
    assert "PRIVATE" not in played.log


@posix
def test_a_link_does_not_lead_out(play: Play, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("PRIVATE", encoding="utf-8")
    played = play(f"""
        import os
        os.symlink({str(secret)!r}, "link")
        for attempt in (lambda: open("link").read(), lambda: open("link", "a"),
                        lambda: os.link({str(secret)!r}, "hard")):
            try:
                print(attempt())
            except PermissionError:
                pass
        """)
    assert played.refused == ["read_refused", "write_refused", "write_refused"]
    assert secret.read_text(encoding="utf-8") == "PRIVATE"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_the_environment_of_the_process_outside_stays_unknown(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENALGO_API_KEY", "the-real-key")
    played = play("""
        import os
        print(os.environ["OPENALGO_API_KEY"])
        print(open(f"/proc/{os.getppid()}/environ").read())
        """)
    assert played.refused == ["read_refused"]
    assert "the-real-key" not in played.log
    assert "tapeback-key" in played.printed


def test_what_bots_do_every_day_is_allowed(play: Play) -> None:
    played = play("""
        import asyncio, csv, json, logging, os, pathlib, shutil, sqlite3, tempfile
        from zoneinfo import ZoneInfo
        import numpy, pandas
        os.makedirs("logs/deep", exist_ok=True)
        logging.FileHandler("logs/bot.log").close()
        pathlib.Path(__file__).with_name("state.json").write_text("{}")
        os.replace("state.json", "old.json")
        with sqlite3.connect("trades.db") as database:
            database.execute("create table t (x)")
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "sub").mkdir()
            pathlib.Path(folder, "sub", "x").write_text("")
        shutil.rmtree("logs")
        pathlib.Path.home().joinpath(".cache").mkdir()
        pandas.DataFrame({"a": [1]}).to_csv("frame.csv")
        assert list(pandas.read_csv("frame.csv").columns) == ["Unnamed: 0", "a"]
        ZoneInfo("Asia/Kolkata")
        open(os.devnull, "w").close()
        asyncio.run(asyncio.sleep(0))
        print("done")
        """)
    assert played.result == {"refusals": [], "error": None}
    assert played.printed == "done\n"


def test_permissions_open_the_network_and_processes(play: Play) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        played = play(
            f"""
            import socket, subprocess, sys
            socket.create_connection(("127.0.0.1", {port})).close()
            print(subprocess.run([sys.executable, "-c", "print(6 * 7)"],
                                 capture_output=True, text=True).stdout)
            """,
            permissions=Permissions(network=True, processes=True),
        )
        listener.accept()[0].close()
    assert played.result == {"refusals": [], "error": None}
    assert "42" in played.printed


def test_a_folder_that_is_named_can_be_used(play: Play, tmp_path: Path) -> None:
    shown, given = tmp_path / "shown", tmp_path / "given"
    shown.mkdir()
    given.mkdir()
    (shown / "data.txt").write_text("bars", encoding="utf-8")
    played = play(
        f"""
        print(open({str(shown / "data.txt")!r}).read())
        open({str(given / "new.txt")!r}, "w").write("x")
        open({str(shown / "data.txt")!r}, "a")
        """,
        readable=[str(shown)],
        writable=[str(given)],
    )
    assert played.refused == ["write_refused"]
    assert (given / "new.txt").read_text(encoding="utf-8") == "x"
