"""Which file is read, how files, environment and `--set` come together."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapeback.errors import ConfigError
from tapeback.models.config import AppConfig
from tapeback.settings import load_config

if TYPE_CHECKING:
    from tests.settings.conftest import Project

CATALOGUE = """\
    strategies:
      - {id: Momentum, label: Momentum, config_path: configs/active/config-momentum.yaml}
      - {id: grid, label: Grid, config_path: configs/active/config-grid.yaml}
    """


def problems_of(path: Path | None = None, **arguments: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, **arguments)  # type: ignore[arg-type]
    return list(caught.value.problems)


def test_a_file_with_a_few_sections_gets_defaults_for_the_rest(project: Project) -> None:
    path = project.write_file("mine.yaml", "data:\n  symbol: infy\n  timeframe: D\n")
    config = load_config(path)
    assert (config.data.symbol, config.data.exchange, config.data.timeframe) == (
        "INFY",
        "NSE",
        "1d",
    )
    assert config.backtest.initial_cash == 100_000
    assert config.ui.host == "127.0.0.1"
    assert config.costs is None
    assert config.execution.participation == "auto"


def test_without_any_file_the_defaults_hold_and_options_apply(project: Project) -> None:
    config = load_config(overrides=["backtest.initial_cash=5"])
    assert config.backtest.initial_cash == 5
    assert config.execution == AppConfig().execution


def test_a_path_is_chosen_before_everything_else(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("strats.yaml", CATALOGUE)
    project.write("config-grid.yaml", "data: {symbol: TCS}")
    monkeypatch.setenv("WEB_STRATEGY", "grid")
    path = project.write_file("mine.yaml", "data: {symbol: SBIN}")
    assert load_config(path, strategy="grid").data.symbol == "SBIN"


def test_then_the_strategy_then_the_variable_then_the_first_row_then_the_base(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("config.yaml", "data: {symbol: BASE}")
    assert load_config().data.symbol == "BASE"
    project.write("strats.yaml", CATALOGUE)
    project.write("config-momentum.yaml", "data: {symbol: FIRST}")
    project.write("config-grid.yaml", "data: {symbol: SECOND}")
    assert load_config().data.symbol == "FIRST"
    monkeypatch.setenv("WEB_STRATEGY", "GRID")
    assert load_config().data.symbol == "SECOND"
    assert load_config(strategy="momentum").data.symbol == "FIRST"


def test_the_catalogue_row_names_the_strategy_where_its_file_does_not(project: Project) -> None:
    project.write("strats.yaml", CATALOGUE)
    project.write("config-momentum.yaml", "data: {symbol: TCS}")
    project.write("config-grid.yaml", "strategy: {type: supertrend}")
    assert load_config(strategy="momentum").strategy.type == "momentum"
    assert load_config(strategy="grid").strategy.type == "supertrend"


def test_unknown_strategies_and_missing_files_say_what_there_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert problems_of(strategy="gird") == [
        "Unknown strategy id 'gird' (did you mean 'grid'?). Allowed: grid, supertrend"
    ]
    project.write("strats.yaml", CATALOGUE)
    assert problems_of() == [
        "configs/active/strats.yaml:2:37: there is no file configs/active/config-momentum.yaml."
    ]
    assert problems_of(Path("nowhere.yaml")) == ["nowhere.yaml: there is no such file."]
    monkeypatch.setenv("WEB_STRATEGY", "zzz")
    assert problems_of() == ["WEB_STRATEGY: Unknown strategy id 'zzz'. Allowed: momentum, grid"]


def test_a_shipped_strategy_brings_its_settings_into_a_folder_without_any(
    project: Project,
) -> None:
    shipped = load_config(strategy="grid")
    assert (shipped.data.symbol, shipped.backtest.initial_cash) == ("NIFTY", 1_000_000)
    project.write("config-grid.yaml", "data: {symbol: TCS}\n")
    assert load_config(strategy="grid").data.symbol == "TCS"


def test_files_merge_deeply_over_the_base(project: Project) -> None:
    project.write(
        "config.yaml",
        """\
        data: {symbol: TCS, files: [a.csv, b.csv], synthetic: {volatility: 0.03, regime: jump}}
        backtest: {initial_cash: 7, leverage: {MIS: 5}}
        ui: {port: 9000}
        """,
    )
    path = project.write(
        "config-x.yaml",
        """\
        data: {symbol: INFY, files: [c.csv], synthetic: {volatility: 0.01}}
        backtest:
        strategy: {type: x}
        """,
    )
    config = load_config(path)
    assert (config.data.symbol, config.data.files) == ("INFY", ["c.csv"])
    assert (config.data.synthetic.volatility, config.data.synthetic.regime) == (0.01, "jump")
    assert (config.backtest.initial_cash, config.backtest.leverage) == (7, {"MIS": 5})
    assert config.ui.port == 9000


def test_the_base_stands_beside_a_file_of_configs_active_or_at_root(
    project: Project, tmp_path: Path
) -> None:
    project.write("config.yaml", "data: {symbol: HERE}")
    project.write_file("other/configs/active/config.yaml", "data: {symbol: THERE}")
    other = project.write_file("other/configs/active/x.yaml", "ui: {port: 1}")
    plain = project.write_file("elsewhere/x.yaml", "ui: {port: 1}")
    assert load_config(other).data.symbol == "THERE"
    assert load_config(plain).data.symbol == "HERE"
    assert load_config(root=tmp_path / "other").data.symbol == "THERE"


def test_options_come_last_with_yaml_values(project: Project) -> None:
    path = project.write_file("x.yaml", "backtest: {leverage: 2}\nexecution: {participation: 0.5}")
    config = load_config(
        path,
        overrides=[
            "backtest.leverage.MIS=5",
            "execution.participation=",
            "data.start=2024-01-01",
            "data.synthetic={volatility: 0.05, regime: jump}",
            "strategy.name=a=b",
            "costs=none",
            "costs=flat",
        ],
    )
    assert config.backtest.leverage == {"MIS": 5}
    assert config.execution.participation is None
    assert config.data.start == date(2024, 1, 1)
    assert config.data.synthetic.regime == "jump"
    assert config.strategy.parameters()["name"] == "a=b"
    assert config.costs == "flat"


def test_a_setting_knows_where_it_was_given(project: Project) -> None:
    project.write("config.yaml", "ui:\n  port: 9000\n")
    path = project.write("config-x.yaml", "strategy:\n  type: x\n  speed: 3\n")
    config = load_config(path, overrides=["data.symbol=TCS"])
    assert config.where("ui.port") == "configs/active/config.yaml:2:3"
    assert config.where("strategy.speed") == "configs/active/config-x.yaml:3:3"
    assert config.where("data.symbol") == "--set data.symbol"
    assert config.where("data.exchange") is None


def test_environment_variables_and_their_defaults(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMBOL", "TCS")
    monkeypatch.setenv("PORT", "9001")
    path = project.write_file(
        "x.yaml",
        """\
        openalgo: {base_url: "${URL:http://10.0.0.1:5000}", api_key: "${KEY:}"}
        data: {symbol: "${SYMBOL}", start: "${START:}", files: ["${DIR:data}/${SYMBOL}.csv"]}
        ui: {port: "${PORT}", debug: "${DEBUG:true}"}
        """,
    )
    config = load_config(path)
    assert config.openalgo.base_url == "http://10.0.0.1:5000"
    assert config.openalgo.api_key.get_secret_value() == ""
    assert (config.data.symbol, config.data.start) == ("TCS", None)
    assert config.data.files == ["data/TCS.csv"]
    assert (config.ui.port, config.ui.debug) == (9001, True)


def test_a_base_value_that_is_overridden_needs_no_variable(project: Project) -> None:
    project.write("config.yaml", "data: {symbol: '${NOT_SET}'}")
    path = project.write("config-x.yaml", "data: {symbol: TCS}")
    assert load_config(path).data.symbol == "TCS"


def test_an_unset_variable_does_not_hide_other_problems(project: Project) -> None:
    path = project.write_file(
        "x.yaml", "data: {files: ['${NO}', a]}\nbacktest: {leverage: {MIX: '${NO}', MIS: 0}}\n"
    )
    unset = "the environment variable NO is not set: set it, or give a default as in ${NO:default}"
    assert problems_of(path) == [
        f"x.yaml:1:16: data.files.0: {unset}",
        "x.yaml:2:12: backtest.leverage: MIS must be a number greater than 0; got 0",
        f"x.yaml:2:23: backtest.leverage.MIX: {unset}",
    ]


def test_defect_71_unset_variables_are_errors_and_never_literals(project: Project) -> None:
    path = project.write_file(
        "x.yaml",
        """\
        openalgo:
          api_key: ${NOT_SET}
          base_url: http://${1HOST:a}
        data:
          symbol: ${OPEN
        """,
    )
    assert problems_of(path) == [
        "x.yaml:2:3: openalgo.api_key: the environment variable NOT_SET is not set: set it, or "
        "give a default as in ${NOT_SET:default}",
        "x.yaml:3:3: openalgo.base_url: '${1HOST:a}' is no reference to an environment variable: "
        "write ${NAME} or ${NAME:default}",
        "x.yaml:5:3: data.symbol: '${OPEN' is no reference to an environment variable: write "
        "${NAME} or ${NAME:default}",
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_defect_71_the_environment_can_add_no_yaml_and_digits_stay_text(
    project: Project, text: str
) -> None:
    path = project.write_file("x.yaml", "openalgo:\n  api_key: ${TAPEBACK_TEST_KEY}\n")
    for secret in (text, "0123456", f'x"\nui:\n  host: 0.0.0.0 # {text}', "a: [1"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TAPEBACK_TEST_KEY", secret)
            config = load_config(path)
        assert config.openalgo.api_key.get_secret_value() == secret
        assert config.ui.host == "127.0.0.1"


def test_defect_44_a_bots_own_parameters_reach_it(project: Project) -> None:
    path = project.write_file(
        "x.yaml", "strategy: {type: mine, lookback: 20, symbols: [TCS, INFY], order_amount: 5}"
    )
    strategy = load_config(path).strategy
    assert strategy.own_parameters() == {"lookback": 20, "symbols": ["TCS", "INFY"]}
    assert strategy.chosen_parameters() == {
        "lookback": 20,
        "symbols": ["TCS", "INFY"],
        "order_amount": 5,
    }
    assert strategy.parameters()["lookback"] == 20
    assert strategy.parameters()["grid_levels"] == 10
    assert "type" not in strategy.parameters()


def test_defect_48_nothing_becomes_synthetic_unless_asked(project: Project) -> None:
    path = project.write_file("x.yaml", "openalgo: {api_key: ''}\ndata: {symbol: TCS}\n")
    assert load_config(path).data.use_synthetic is False


def test_defect_56_a_config_names_no_run(project: Project) -> None:
    path = project.write_file("x.yaml", "data: {symbol: TCS}")
    assert not hasattr(load_config(path), "run_id")
    assert load_config(path).public_dict() == load_config(path).public_dict()


def test_defect_68_secrets_do_not_leave(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "s3cr3t-key")
    path = project.write_file(
        "x.yaml",
        "openalgo: {api_key: '${KEY}'}\nstrategy: {telegram_token: t0k3n-123, token_count: 4}",
    )
    config = load_config(path)
    public = config.public_dict()
    assert public["openalgo"]["api_key"] == "***"
    assert public["strategy"]["telegram_token"] == "***"
    assert public["strategy"]["token_count"] == 4
    for text in (str(public), repr(config), str(config)):
        assert "s3cr3t-key" not in text
        assert "t0k3n-123" not in text
    assert config.secrets() == {"s3cr3t-key", "t0k3n-123"}
    assert config.strategy.parameters()["telegram_token"] == "t0k3n-123"


def test_messages_show_the_reference_and_not_what_the_environment_holds(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "s3cr3t-key")
    path = project.write_file(
        "x.yaml",
        """\
        openalgo: {timeout: "${KEY}"}
        data: {symbol: "../${KEY}", files: ["a:${KEY}=c"]}
        execution: {intrabar: "${KEY}"}
        logging: {level: "${KEY}"}
        """,
    )
    problems = problems_of(path)
    assert len(problems) == 5
    assert "s3cr3t" not in "".join(problems).lower()
    assert problems[0] == "x.yaml:1:12: openalgo.timeout: must be a whole number; got '${KEY}'"
