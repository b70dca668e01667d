"""Strict confinement, where bubblewrap is; an honest error where it is not."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tapeback.bots.isolation.confinement import missing
from tapeback.errors import ConfigError
from tests.bots_isolation.playing import Play
from tests.conftest import REPO

_WHY = missing()
strict = pytest.mark.skipif(_WHY is not None, reason=f"strict confinement: {_WHY}")


def test_strict_is_never_left_out_silently(play: Play) -> None:
    with pytest.raises(ConfigError, match=r"--confine strict: .*apt install bubblewrap"):
        play("print('ran')", confinement="strict", program="no-such-bubblewrap")


@strict
def test_even_a_library_in_c_reaches_nothing(play: Play, tmp_path: Path) -> None:
    """The guard is not asked here: what is tried goes past Python."""
    secret = tmp_path / "secret"
    secret.write_text("PRIVATE", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        played = play(
            f"""
            import os, _ctypes, ctypes
            from tapeback.bots.isolation import guard
            import gc
            for found in gc.get_objects():
                if type(found) is guard.Guard:
                    found.disarm()
            import socket
            for attempt in (
                lambda: open({str(secret)!r}).read(),
                lambda: open("/etc/passwd").read(),
                lambda: open({str(tmp_path / "new")!r}, "w"),
                lambda: open("/usr/new", "w"),
                lambda: os.listdir({str(REPO / "docs")!r}),
                lambda: socket.create_connection(("127.0.0.1", {listener.getsockname()[1]})),
            ):
                try:
                    print("reached", attempt())
                except OSError:
                    print("refused")
            open("state.json", "w").write("{{}}")
            """,
            confinement="strict",
        )
    assert played.printed == "refused\n" * 6
    assert played.result["error"] is None


@strict
def test_a_bot_plays_and_dies_in_strict_confinement(play: Play) -> None:
    played = play(
        "import time, numpy, pandas\ntime.sleep(60)\nprint('one minute')",
        entry="run_virtual",
        confinement="strict",
    )
    assert (played.result["how"], played.result["code"]) == ("exited", 0)
    assert played.log == "2024-01-02 09:16:00.000  one minute\n"
    died = play("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", confinement="strict")
    assert died.outcome.how == "died"
    assert "killed" in died.outcome.why
