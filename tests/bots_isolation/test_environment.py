"""The environment that a cell gets, and `--env`."""

from __future__ import annotations

import os

import pytest

from tapeback.bots.isolation.environment import USUAL, parse_env, scrubbed_environment
from tapeback.bots.isolation.scratch import without_secrets
from tapeback.errors import ConfigError


def test_what_the_user_passes_wins_over_the_dummies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZERODHA_PASSWORD", "hunter2")
    made = scrubbed_environment(
        home="h", temporary="t", strategy="orb", exchange="MCX",
        own={"HOST": "http://algo.example", "PYTHONPATH": "extra"},
    )  # fmt: skip
    assert made["HOST"] == "http://algo.example"
    assert made["OPENALGO_STRATEGY_EXCHANGE"] == "MCX"
    assert made["STRATEGY_ID"] == "orb"
    assert made["PYTHONPATH"].split(os.pathsep)[-1] == "extra"
    assert set(USUAL) <= set(made)
    assert "hunter2" not in made.values()
    assert "ZERODHA_PASSWORD" not in made


def test_env_options() -> None:
    assert parse_env(["A=1", "B=x=y", "C="]) == {"A": "1", "B": "x=y", "C": ""}
    for wrong in ("A", "=1", "A B=1"):
        with pytest.raises(ConfigError, match="write it as NAME=VALUE"):
            parse_env([wrong])


def test_dot_env_files_keep_everything_but_secrets() -> None:
    text = (
        "# keys\nOPENALGO_APIKEY=9f8e\n export BROKER_API_SECRET = 'x y'\nTELEGRAM_TOKEN=\n"
        "HOST=http://me\nAPI_KEY_FILE=a\r\nnot a line\n"
    )
    assert without_secrets(text) == (
        "# keys\nOPENALGO_APIKEY=tapeback-key\n export BROKER_API_SECRET = tapeback-key\n"
        "TELEGRAM_TOKEN=tapeback-key\nHOST=http://me\nAPI_KEY_FILE=a\r\nnot a line\n"
    )
