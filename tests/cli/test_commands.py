"""The command itself, `strategies`, `config` and `init`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from click.testing import Result

from tapeback import errors
from tests.conftest import REPO

Call = Callable[..., Result]
Spawn = Callable[..., "subprocess.CompletedProcess[bytes]"]
STARTER = {
    path.relative_to(REPO).as_posix()
    for pattern in ("strats/*.py", "configs/active/*.yaml")
    for path in REPO.glob(pattern)
}


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def started(folder: Path, tapeback_: Call) -> Path:
    """The working directory after `tapeback init`."""
    assert tapeback_("init").exit_code == 0
    return folder


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import json, sys\n"
        "from tapeback.cli import main\n"
        "for words in (['--help'], ['run', '--help'], ['config', 'show', '--help']):\n"
        "    main(words, standalone_mode=False)\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPO
    )
    loaded = set(json.loads(run.stdout.splitlines()[-1]))
    assert "tapeback.cli.run" in loaded
    assert loaded.isdisjoint({"numpy", "openalgo", "pandas", "pyarrow", "pydantic", "rich"})


@pytest.mark.parametrize("words", [("--help",), ("run", "--help")])
def test_help_tells_every_exit_code(tapeback_: Call, words: tuple[str, ...]) -> None:
    shown = tapeback_(*words).stdout
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    listed = shown.partition("Exit codes:")[2].split("\n")
    assert codes <= {int(line.split()[0]) for line in listed if line.strip()}


def test_every_command_and_option_has_its_help(tapeback_: Call) -> None:
    for words in (("run",), ("strategies",), ("config", "check"), ("config", "show"), ("init",)):
        shown = tapeback_(*words, "--help")
        assert shown.exit_code == 0
        options = [line for line in shown.stdout.splitlines() if line.strip().startswith("-")]
        assert options


def test_the_version_is_told(tapeback_: Call) -> None:
    import tapeback

    assert tapeback_("--version").stdout == f"tapeback {tapeback.__version__}\n"


def test_a_command_that_is_none_is_refused(spawn: Spawn) -> None:
    run = spawn("rnu")
    assert run.returncode == 2
    assert b"No such command 'rnu'" in run.stderr


def test_an_unexpected_exception_is_said_to_be_a_bug(
    folder: Path, tapeback_: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tapeback.settings.load_catalogue", lambda path: 1 / 0)

    run = tapeback_("strategies", "--json")

    assert run.exit_code == 70
    assert "ZeroDivisionError" in run.stderr
    assert "this is a bug in Tapeback." in run.stderr
    assert json.loads(run.stdout)["error"]["code"] == "bug"


def test_init_writes_bots_and_settings(folder: Path, tapeback_: Call) -> None:
    run = tapeback_("init", "mine")

    assert run.exit_code == 0, run.output
    assert files_of(folder / "mine") == STARTER
    for name in STARTER:
        assert (folder / "mine" / name).read_bytes() == (REPO / name).read_bytes()
        assert str(Path("mine", name)) in run.stdout


def test_init_keeps_what_the_user_changed_unless_forced(started: Path, tapeback_: Call) -> None:
    mine = started / "configs" / "active" / "config-grid.yaml"
    mine.write_text("strategy: {type: grid}\n", encoding="utf-8")
    (started / "strats" / "trading_bot.py").unlink()

    again = tapeback_("init")
    assert again.exit_code == 0
    assert mine.read_text(encoding="utf-8") == "strategy: {type: grid}\n"
    assert (started / "strats" / "trading_bot.py").exists()
    assert "1 of your files differ" in again.stdout

    assert tapeback_("init", "--force").exit_code == 0
    assert mine.read_bytes() == (REPO / "configs/active/config-grid.yaml").read_bytes()


def test_init_into_a_place_that_is_no_folder_is_an_error(folder: Path, tapeback_: Call) -> None:
    run = tapeback_("init", "bars.csv")
    assert run.exit_code == 5
    assert "cannot be written" in run.stderr


def test_init_works_out_of_the_wheel(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=REPO,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    installed, mine = tmp_path / "installed", tmp_path / "mine"
    ZipFile(wheel).extractall(installed)
    subprocess.run(
        [sys.executable, "-m", "tapeback", "init", str(mine)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        check=True,
        capture_output=True,
    )

    assert files_of(mine) == STARTER


def test_defect_77_the_default_configuration_is_complete(started: Path, tapeback_: Call) -> None:
    run = tapeback_("config", "check")

    assert run.exit_code == 0, run.output
    assert "grid: fine (grid on NIFTY:NSE_INDEX:1m)" in run.stdout
    assert "supertrend: fine (supertrend on RELIANCE:NSE:15m)" in run.stdout


def test_defect_77_the_default_command_runs_from_any_folder_after_init(
    started: Path, tapeback_: Call
) -> None:
    dates = ("--start", "2024-01-01", "--end", "2024-01-05")
    run = tapeback_("run", "--data", "synthetic", *dates, "--json")

    assert run.exit_code == 0, run.output
    told = json.loads(run.stdout)
    assert (told["symbol"], told["timeframe"]) == ("NIFTY", "1m")
    assert told["config"]["strategy"]["type"] == "grid"


def test_config_check_tells_all_problems_of_all_strategies(started: Path, tapeback_: Call) -> None:
    active = started / "configs" / "active"
    with (active / "config-grid.yaml").open("a", encoding="utf-8") as file:
        file.write("  grid_level: 3\n")
    (active / "config-supertrend.yaml").write_text(
        "data: {timeframe: 7m}\nstrategy: {atr_period: 0}\n", encoding="utf-8"
    )

    run = tapeback_("config", "check")

    assert run.exit_code == 2
    assert "config-supertrend.yaml:1:8: data.timeframe: must be one of" in run.stderr
    assert "config-supertrend.yaml:2:12: strategy.atr_period: must be at least 1" in run.stderr


def test_config_check_finds_a_bot_file_that_is_not_there(started: Path, tapeback_: Call) -> None:
    catalogue = started / "configs" / "active" / "strats.yaml"
    with catalogue.open("a", encoding="utf-8") as file:
        file.write(
            "  - {id: mine, label: Mine, config_path: configs/active/config-grid.yaml,\n"
            "     bot: 'strats/mine.py:Mine'}\n"
        )

    run = tapeback_("config", "check")

    assert run.exit_code == 2
    assert "mine.py" in run.stderr


def test_config_show_tells_every_setting_and_its_place(started: Path, tapeback_: Call) -> None:
    run = tapeback_("config", "show", "grid", "--set", "backtest.seed=7")

    lines = {line.split(":")[0].strip(): line for line in run.stdout.splitlines()}
    assert lines["symbol"].split() == [
        "symbol:",
        "NIFTY",
        "#",
        "configs/active/config-grid.yaml:4:3",
    ]
    assert lines["seed"].split("#") == [lines["seed"].split("#")[0], " --set backtest.seed"]
    assert lines["fee_bps"].endswith("# default")


def test_config_show_keeps_secrets(
    started: Path, tapeback_: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENALGO_API_KEY", "topsecret-1234")

    run = tapeback_("config", "show", "grid")

    assert "api_key: '***'" in run.stdout
    assert "topsecret" not in run.output


def test_what_config_show_prints_can_be_used_again(started: Path, tapeback_: Call) -> None:
    shown = tapeback_("config", "show", "supertrend").stdout
    (started / "again.yaml").write_text(shown, encoding="utf-8")

    again = tapeback_("config", "show", "-c", "again.yaml").stdout

    def values(text: str) -> list[str]:
        return [line.partition("#")[0].rstrip() for line in text.splitlines()]

    assert values(again) == values(shown)


def test_strategies_are_listed(started: Path, tapeback_: Call) -> None:
    rows = json.loads(tapeback_("strategies", "--json").stdout)["strategies"]

    assert [(row["id"], row["label"], row["config_path"]) for row in rows] == [
        ("grid", "Grid trading", "configs/active/config-grid.yaml"),
        ("supertrend", "Supertrend", "configs/active/config-supertrend.yaml"),
    ]
    assert all(row["problem"] is None for row in rows)
    text = tapeback_("strategies").stdout
    assert all(row["id"] in text and row["label"] in text for row in rows)


def test_a_strategy_that_cannot_be_run_is_listed_with_the_reason(
    started: Path, tapeback_: Call
) -> None:
    (started / "configs" / "active" / "config-grid.yaml").unlink()

    run = tapeback_("strategies")

    assert run.exit_code == 0
    assert "cannot be run: " in run.stdout
    grid, supertrend = json.loads(tapeback_("strategies", "--json").stdout)["strategies"]
    assert "config-grid.yaml" in grid["problem"]
    assert supertrend["problem"] is None


def test_defect_44_a_new_bot_is_one_file_and_one_row(started: Path, tapeback_: Call) -> None:
    (started / "strats" / "swing.py").write_bytes((started / "swing.py").read_bytes())
    (started / "configs" / "active" / "config-swing.yaml").write_text(
        "data: {symbol: RELIANCE, timeframe: 1m, files: [bars.csv]}\n", encoding="utf-8"
    )
    with (started / "configs" / "active" / "strats.yaml").open("a", encoding="utf-8") as file:
        file.write(
            "  - {id: swing, label: Swing, config_path: configs/active/config-swing.yaml,\n"
            "     bot: 'strats/swing.py:Swing'}\n"
        )

    assert "swing" in tapeback_("strategies").stdout
    told = json.loads(tapeback_("run", "swing", "--json").stdout)
    assert told["symbol"] == "RELIANCE"
    assert told["trades"]


def test_a_second_row_can_run_the_same_strategy_with_other_settings(
    started: Path, tapeback_: Call
) -> None:
    active = started / "configs" / "active"
    (active / "config-wide.yaml").write_text(
        "data: {symbol: NIFTY, exchange: NSE_INDEX, timeframe: 15m}\n"
        "strategy: {type: grid, grid_spacing_pct: 2.0}\n",
        encoding="utf-8",
    )
    with (active / "strats.yaml").open("a", encoding="utf-8") as file:
        file.write("  - {id: wide, label: Wide, config_path: configs/active/config-wide.yaml}\n")

    dates = ("--start", "2024-01-01", "--end", "2024-01-31")
    run = tapeback_("run", "wide", "--data", "synthetic", *dates, "--json")

    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["config"]["strategy"]["grid_spacing_pct"] == 2.0
    assert "cannot be run" not in tapeback_("strategies").stdout
    assert tapeback_("config", "check", "wide").stdout.startswith("wide: fine (grid on NIFTY")
