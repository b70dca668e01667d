"""The program's own log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tapeback.errors import OutputError
from tapeback.models.config import LoggingConfig
from tapeback.settings import load_config, setup_logging

if TYPE_CHECKING:
    from tests.settings.conftest import Project


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    logger = logging.getLogger("tapeback")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    for handler in logger.handlers[:]:
        if handler not in before[0]:
            logger.removeHandler(handler)
            handler.close()
    logger.level, logger.propagate = before[1], before[2]


def test_lines_go_to_stderr_once_however_often_it_is_set_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = LoggingConfig(level="WARNING", format="%(levelname)s %(message)s")
    setup_logging(config)
    setup_logging(config)
    logging.getLogger("tapeback.data").info("not said")
    logging.getLogger("tapeback.data").warning("said")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "WARNING said\n")


def test_defect_79_other_loggers_keep_their_handlers() -> None:
    theirs = logging.NullHandler()
    root, own = logging.getLogger(), logging.getLogger("tapeback")
    root.addHandler(theirs)
    own.addHandler(theirs)
    try:
        setup_logging(LoggingConfig())
        assert theirs in root.handlers
        assert theirs in own.handlers
    finally:
        root.removeHandler(theirs)


def test_the_file_rotates_at_ten_megabytes_and_keeps_five(project: Project) -> None:
    config = load_config(overrides=["logging.file=logs/run.log"]).logging
    setup_logging(config)
    log = logging.getLogger("tapeback")
    line = "x" * (1024 * 1024)
    for _ in range(75):
        log.info(line)
    files = sorted((project.root / "logs").iterdir())
    assert [file.name for file in files] == ["run.log", *(f"run.log.{n}" for n in range(1, 6))]
    assert all(file.stat().st_size <= 10 * 1024 * 1024 for file in files)


def test_secrets_are_taken_out_of_lines_arguments_and_tracebacks(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENALGO_API_KEY", "k3y-of-the-user")
    path = project.write_file("x.yaml", "openalgo: {api_key: '${OPENALGO_API_KEY}'}")
    setup_logging(load_config(path).logging)
    log = logging.getLogger("tapeback.broker")
    log.info("sent %s", {"apikey": "k3y-of-the-user"})
    try:
        raise RuntimeError("refused k3y-of-the-user")
    except RuntimeError:
        log.exception("failed")
    err = capsys.readouterr().err
    assert "k3y-of-the-user" not in err
    assert "{'apikey': '***'}" in err
    assert "RuntimeError: refused ***" in err


def test_a_file_that_cannot_be_opened_is_an_error(project: Project) -> None:
    project.write_file("taken", "")
    with pytest.raises(OutputError, match=r"logging\.file: the log file 'taken/x\.log' cannot be"):
        setup_logging(LoggingConfig(file="taken/x.log"))
