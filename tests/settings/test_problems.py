"""What settings refuse, and in which words."""

from __future__ import annotations

import json
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

KEYS = (
    [
        f"{section}: {{{key}: {form}}}"
        for form in ("@", "[@]", "{a: @}")
        for section, field in AppConfig.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
    ]
    + [f"{section}: @" for section in AppConfig.model_fields]
    + [
        f"{key}: {{{inner}: {form}}}"
        for key, inners in {
            "costs": (
                "plan",
                "rounding",
                "EQ_OPT",
                "EQ_OPT: {flat: 20}, ALL",
                "plan: none, rounding",
            ),
            "broker": ("base", "plan", "square_off", "slabs", "order_rate", "square_off_penalty"),
        }.items()
        for inner in inners
        for form in ("@", "{flat: @}", "{EQ_OPT: @}", "{EQ_OPT: {flat: @}}", "{equity: @}")
    ]
)
ODD_VALUES = [
    "", "~", "[]", "{}", "[1]", "{a: 1}", "{1: 2}", "[[1]]", "true", "-1", "0", ".nan", "-.inf",
    "1e999", "9" * 5000, "1_0", "0b", "2024-13-45", "2024-01-01", "2024-01-01T10:00:00+05:30",
    "'${A'", "${NOPE}", "${NOPE:}", "${NOPE:1}", "!!binary aGk=", "!!set {a}", "!!float x", "!foo",
    "!!timestamp x", "<<", "*x", "&x 1", "'a:b:c=d'", "? a", "{MIX: '${NOPE}', MIS: 0}",
]  # fmt: skip


def refuse(path: Path, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides=overrides)
    return list(caught.value.problems)


def test_every_problem_of_both_files_and_the_options_comes_in_one_go(project: Project) -> None:
    project.write("config.yaml", "ui:\n  port: 70000\n  hots: x\n")
    path = project.write(
        "config-x.yaml",
        """\
        data:
          symbol: TCS
          start: 2024-02-01
          end: 2024-01-01
          sybmol: X
        backtest:
          initial_cash: -5
          slippage: none
        execution:
          intrabar: advers
        """,
    )
    options = ("backtest.seed=x", "oops", "costs=zero", "data.synthetic={volatility: -1}")
    assert refuse(path, *options) == [
        "configs/active/config-x.yaml:4:3: data.end: must not be before start (2024-02-01); got "
        "2024-01-01",
        "configs/active/config-x.yaml:5:3: data.sybmol: unknown key (did you mean 'symbol'?)",
        "configs/active/config-x.yaml:7:3: backtest.initial_cash: must be greater than 0; got -5",
        "configs/active/config-x.yaml:8:3: backtest.slippage: unknown key (it belongs under "
        "'execution')",
        "configs/active/config-x.yaml:10:3: execution.intrabar: must be one of adverse, "
        "favourable, nearer, ohlc, olhc, lower_timeframe; got 'advers' (did you mean 'adverse'?)",
        "configs/active/config.yaml:2:3: ui.port: must be at most 65535; got 70000",
        "configs/active/config.yaml:3:3: ui.hots: unknown key (did you mean 'host'?)",
        "--set backtest.seed: must be a whole number; got 'x'",
        "--set costs: there is no plan 'zero' (did you mean 'zerodha'?). Plans: zerodha, groww, "
        "upstox, angelone, dhan, fyers, flat, none, or a mapping such as {EQ_OPT: {flat: 20}}",
        "--set data.synthetic: data.synthetic.volatility: must be at least 0; got -1",
        "--set oops: must have the form section.key=value",
    ]


def test_the_error_reads_as_its_problems(project: Project) -> None:
    path = project.write_file("x.yaml", "uii: {}\nbacktest: {fee_bps: -1}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == (
        "x.yaml:1:1: uii: unknown key (did you mean 'ui'?)\n"
        "x.yaml:2:12: backtest.fee_bps: must be at least 0; got -1"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "x.yaml:1:6: invalid YAML: expected ',' or ']', but got '<stream end>'"),
        ("data: 1\n ui: 2", "x.yaml:2:4: invalid YAML: mapping values are not allowed here"),
        ("- 1", "x.yaml:1:1: must hold a mapping of sections, such as 'data:'"),
        ("just text", "x.yaml:1:1: must hold a mapping of sections, such as 'data:'"),
        ("ui: {}\n---\nui: {}", "x.yaml:2:1: invalid YAML: but found another document"),
        ("ui:\n  port: 1\n  port: 2", "x.yaml:3:3: 'port' stands here twice, first at x.yaml:2:3"),
        ("ui: {1: 2}", "x.yaml:1:6: a key must be plain text; got 1"),
        ("ui: !!python/object:os.system x", "x.yaml:1:5: invalid YAML: could not determine a "
         "constructor for the tag 'tag:yaml.org,2002:python/object:os.system'"),
        ("data: {start: 2024-02-31}", "x.yaml:1:15: '2024-02-31' is no timestamp"),
        ("ui: {debug: !!bool maybe}", "x.yaml:1:13: 'maybe' is no bool"),
        ("a: &a\n  b: *a", "x.yaml: invalid YAML: nested too deeply"),
        ("a: " + "[" * 3000, "x.yaml: invalid YAML: nested too deeply"),
    ],
)  # fmt: skip
def test_yaml_that_cannot_be_read(project: Project, text: str, message: str) -> None:
    assert refuse(project.write_file("x.yaml", text)) == [message]


def test_aliases_work_but_cannot_blow_up(project: Project) -> None:
    path = project.write_file("x.yaml", "strategy:\n  a: &a [1, 2]\n  b: *a\n")
    assert load_config(path).strategy.parameters()["b"] == [1, 2]
    lines = ["strategy:", "  a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for n in range(1, 9):
        lines.append(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]")
    path.write_text("\n".join(lines))
    assert refuse(path) == ["x.yaml: invalid YAML: more than 10000 values"]


def test_bytes_and_folders_that_are_no_text(project: Project) -> None:
    path = project.write_file("x.yaml", "")
    path.write_bytes(b"ui:\n  title: caf\xe9\n")
    assert refuse(path) == ["x.yaml: is no UTF-8 text (byte 16)."]
    (problem,) = refuse(project.root / "configs")
    assert problem.startswith("configs: cannot be read: ")


def test_an_empty_file_and_a_byte_order_mark_are_fine(project: Project) -> None:
    path = project.write_file("x.yaml", "# nothing yet\n")
    assert load_config(path).data.symbol == "RELIANCE"
    path.write_bytes(b"\xef\xbb\xbfdata: {symbol: TCS}\r\n")
    assert load_config(path).data.symbol == "TCS"


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("backtest.initial_cash=-1", "must be greater than 0; got -1"),
        ("backtest.initial_cash=0", "must be greater than 0; got 0"),
        ("backtest.initial_cash=.nan", "must be a finite number; got nan"),
        ("backtest.initial_cash=.inf", "must be a finite number; got inf"),
        ("backtest.initial_cash=", "must not be empty"),
        ("backtest.initial_cash=true", "must not be true or false; got true"),
        ("backtest.initial_cash=[1]", "must be a number; got a list"),
        ("backtest.slippage_bps=-1", "must be at least 0; got -1"),
        ("backtest.seed=1.5", "must be a whole number; got 1.5"),
        ("backtest.leverage=0", "must be a number greater than 0; got 0"),
        ("backtest.leverage=much", "must be a number greater than 0; got 'much'"),
        ("backtest.leverage={MIS: true}", "MIS must be a number greater than 0; got True"),
        ("backtest.leverage={MTF: 4}", "must be one of MIS, NRML, CNC; got 'MTF'"),
        ("data.symbol=../../x", "must be a symbol of letters, digits, &, -, _ and . (64 at most);"
         " got '../../x'"),
        ("data.symbol=500325", "must be text; got 500325: put it in quotes"),
        ("data.exchange=NSEE", "must be one of NSE, NFO, CDS, BSE, BFO, BCD, MCX, NCDEX, NCO, "
         "NSE_INDEX, BSE_INDEX, MCX_INDEX, GLOBAL_INDEX, CRYPTO; got 'NSEE' (did you mean 'NSE'?)"),
        ("data.timeframe=7m", "must be one of 1m, 2m, 3m, 5m, 10m, 15m, 30m, 1h, 2h, 4h, 1d, 1w; "
         "got '7m'"),
        ("data.start=soon", "must be a date such as 2024-01-31; got 'soon'"),
        ("data.start=2024-01-01 09:15", "must be a date without a time of day; got "
         "2024-01-01 09:15:00"),
        ("data.start=5", "must be a date such as 2024-01-31; got 5"),
        ("data.files=5", "must be a list; got 5"),
        ("data.files=[5]", "data.files.0: must be text; got 5: put it in quotes"),
        ("data.files=[~]", "data.files.0: must not be empty"),
        ("data.files=['']", "must be PATH or SYMBOL:EXCHANGE:TIMEFRAME=PATH; got an empty text"),
        ("data.files=[NIFTY:NSE=a.csv]", "must be PATH or SYMBOL:EXCHANGE:TIMEFRAME=PATH; got "
         "'NIFTY:NSE=a.csv'"),
        ("execution.participation=2", "must be auto, empty for no cap, or above 0 and at most 1; "
         "got 2"),
        ("execution.participation=true", "must be auto, empty for no cap, or above 0 and at most "
         "1; got True"),
        ("execution.latency=-1", "must be at least 0; got -1"),
        ("execution.close_at_end=maybe", "must be true or false; got 'maybe'"),
        ("strategy.grid_levels=-3", "must be at least 1; got -3"),
        ("strategy.atr_period=0", "must be at least 1; got 0"),
        ("strategy.buffer_days=366", "must be at most 365; got 366"),
        ("strategy.initial_position_strategy=bogus", "must be one of wait_for_buy, buy_at_market, "
         "place_all; got 'bogus'"),
        ("strategy.own=[.nan]", "must be a finite number; got nan"),
        ("strategy.own={a: [{b: .inf}]}", "must be a finite number; got inf"),
        ("strategy.own=!!binary aGk=", "must be text, a number, a list or a mapping; got b'hi'"),
        ("strategy.type=", "must not be empty"),
        ("strategy.type=''", "must not be empty"),
        (f"strategy.type={'x' * 201}", "String should have at most 200 characters; got "
         f"'{'x' * 201}'"),
        ("ui=5", "must be a mapping of keys; got 5"),
        ("ui.title=x: [", "invalid YAML: expected the node content, but found '<stream end>'"),
    ],
)  # fmt: skip
def test_defect_78_bad_values_are_refused(project: Project, setting: str, reason: str) -> None:
    path = project.write_file("x.yaml", "")
    assert refuse(path, setting) == [f"--set {setting.partition('=')[0]}: {reason}"]


def test_defect_78_start_may_equal_end(project: Project) -> None:
    path = project.write_file("x.yaml", "data: {start: 2024-01-05, end: '2024-01-05'}")
    config = load_config(path)
    assert config.data.start == config.data.end


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("candle_execution", "it never had an effect: remove it"),
        ("tax_delivery_pct", "STT comes from dated tables; delivery_tax_pct replaces it"),
        ("tax_intraday_pct", "STT comes from dated tables; intraday_tax_pct replaces it"),
    ],
)
def test_settings_of_old_files_that_are_gone_say_so(
    project: Project, key: str, reason: str
) -> None:
    path = project.write_file("x.yaml", f"backtest:\n  {key}: 1\n")
    assert refuse(path) == [f"x.yaml:2:3: backtest.{key}: is no setting any more: {reason}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "costs:\n  EQ_OPTT: {flat: 20}",
            "2:3: costs.EQ_OPTT: is not a segment (did you mean 'EQ_OPT'?); allowed are "
            "EQ_DELIVERY, EQ_INTRADAY, EQ_FUT, EQ_OPT, CUR_FUT, CUR_OPT, COM_FUT, COM_OPT, ALL",
        ),
        (
            "costs: {EQ_OPT: {flat: -1}}",
            "1:18: costs.EQ_OPT.flat: -1 is not a number from 0 upwards",
        ),
        ("costs: {plan: 5}", "1:9: costs.plan: must be a name or a mapping of segments; got 5"),
        (
            "costs: {rounding: rupee}",
            "1:9: costs.rounding: 'rupee' is not one of none, paisa, contract-note",
        ),
        (
            "costs: {plan: none, EQ_OPT: {flat: 1}}",
            "1:1: costs: EQ_OPT cannot stand beside plan and rounding. Put the brokerage of "
            "segments under plan",
        ),
        (
            "broker: zerdha",
            "1:1: broker: unknown broker 'zerdha' (did you mean 'zerodha'?). Use one of zerodha, "
            "upstox, angelone, dhan, groww, fyers, flat, sandbox, or a mapping with `base`",
        ),
        (
            "broker: {square_off: {equity: '25:00'}}",
            "1:23: broker.square_off.equity: must be a time such as '15:15' or minutes before the "
            "close; got '25:00'",
        ),
        (
            "broker: {plan: {EQ_OPT: 20}}",
            "1:17: broker.plan.EQ_OPT: 20 is no mapping such as {flat: 20}",
        ),
        ("broker: {plan: 7}", "1:10: broker.plan: must be a name or a mapping of segments; got 7"),
        (
            "broker: [zerodha]",
            "1:1: broker: must be a name or a mapping with text as keys; got a list",
        ),
        ("costs: 5", "1:1: costs: must be a name or a mapping with text as keys; got 5"),
    ],
)
def test_what_the_tables_do_not_know_is_refused_with_its_place(
    project: Project, text: str, problem: str
) -> None:
    assert refuse(project.write_file("x.yaml", text)) == [f"x.yaml:{problem}"]


def test_all_that_is_wrong_inside_broker_and_costs_comes_in_one_go(project: Project) -> None:
    path = project.write_file(
        "x.yaml",
        """\
        broker:
          base: zerodhaa
          plan: fyres
          slab: openalgo
          square_off: {equity: 15.15, equities: "15:15"}
        costs: {plan: {EQ_OPT: {flat: 20, pct: 3}}, rounding: rupee}
        execution: {margin: none}
        """,
    )
    plans = "zerodha, groww, upstox, angelone, dhan, fyers, flat, none"
    assert refuse(path) == [
        "x.yaml:2:3: broker.base: must be one of zerodha, upstox, angelone, dhan, groww, fyers, "
        "flat, sandbox; got 'zerodhaa'",
        "x.yaml:3:3: broker.plan: there is no plan 'fyres' (did you mean 'fyers'?). Plans: "
        f"{plans}, or a mapping such as {{EQ_OPT: {{flat: 20}}}}",
        "x.yaml:4:3: broker.slab: unknown key (did you mean 'slabs'?); known are base, plan, "
        "slabs, square_off, square_off_penalty, stop_market, stock_option_market, market_orders, "
        "order_rate, premium_credit",
        "x.yaml:5:16: broker.square_off.equity: must be a time such as '15:15' or minutes before "
        "the close; got 15.15",
        "x.yaml:5:31: broker.square_off.equities: unknown segment (did you mean 'equity'?); known "
        "are equity, derivative, currency, commodity, closing_auction",
        "x.yaml:6:16: costs.plan.EQ_OPT: {'flat': 20, 'pct': 3} is no brokerage. Give `flat` "
        "rupees an order, or `pct` per cent with `min` and `cap` rupees",
        "x.yaml:6:45: costs.rounding: 'rupee' is not one of none, paisa, contract-note",
        "x.yaml:7:13: execution.margin: must be one of strict, warn, off; got 'none'",
    ]


def test_an_option_that_names_no_broker_or_plan_says_which_it_was(project: Project) -> None:
    path = project.write_file("x.yaml", "")
    broker, plan = refuse(path, "broker=zeroda", "costs.plan=upstocks")
    assert broker.startswith("--set broker: unknown broker 'zeroda' (did you mean 'zerodha'?). Use")
    assert plan.startswith("--set costs.plan: there is no plan 'upstocks' (did you mean 'upstox'?)")


def test_a_broker_from_the_environment_is_named_by_its_variable(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_BROKER", "zeroda")
    (problem,) = refuse(project.write_file("x.yaml", "broker: ${MY_BROKER}"))
    assert "zeroda'" not in problem
    assert problem.startswith("x.yaml:1:1: broker: unknown broker '${MY_BROKER}'")


def test_problems_inside_a_list_are_located_too(project: Project) -> None:
    path = project.write_file(
        "x.yaml", "tax:\n  brought_forward:\n    - {head: STGC, year: 2020, sum: 1}\n"
    )
    place = "tax.brought_forward.0"
    assert refuse(path) == [
        f"x.yaml:3:7: {place}.amount: must be given",
        f"x.yaml:3:8: {place}.head: must be one of STCG, LTCG, SPECULATIVE, NON_SPECULATIVE; "
        "got 'STGC' (did you mean 'STCG'?)",
        f"x.yaml:3:32: {place}.sum: unknown key; known here: head, year, amount",
    ]


def test_files_and_synthetic_data_exclude_each_other(project: Project) -> None:
    path = project.write_file("x.yaml", "data:\n  use_synthetic: true\n  files: a.csv\n")
    assert refuse(path) == [
        "x.yaml:3:3: data.files: use_synthetic is true as well: choose files or synthetic data"
    ]


def test_a_file_may_say_what_it_holds(project: Project) -> None:
    path = project.write_file(
        "x.yaml", "data: {files: ['m&m:nse:D=a=b.csv', 'C:\\data\\x=1.csv', plain.csv]}"
    )
    assert [tuple(file) for file in load_config(path).data.data_files] == [
        ("a=b.csv", "M&M", "NSE", "1d"),
        ("C:\\data\\x=1.csv", None, None, None),
        ("plain.csv", None, None, None),
    ]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("logging.file=~/.bashrc", "must be a path ending in .log, without ..; got '~/.bashrc'"),
        ("logging.file=../x.log", "must be a path ending in .log, without ..; got '../x.log'"),
        ("logging.level=LOUD", "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL; got 'LOUD'"),
        ("logging.format='%(nope)s'", "is no logging format (Formatting field not found "
         "in record: 'nope'); got '%(nope)s'"),
        ("openalgo.base_url=http://host:99999", "must be an address such as "
         "http://127.0.0.1:5000"),
        ("openalgo.base_url=file:///etc/passwd", "must be an address such as "
         "http://127.0.0.1:5000"),
        ("openalgo.base_url=http://me:word@host", "must hold no user name or password: the key "
         "goes into api_key"),
        ("ui.host=a b", "must be a host name or an IP address; got 'a b'"),
    ],
)  # fmt: skip
def test_defect_69_paths_and_addresses_are_bounded(
    project: Project, setting: str, reason: str
) -> None:
    path = project.write_file("x.yaml", "")
    assert refuse(path, setting) == [f"--set {setting.partition('=')[0]}: {reason}"]


def test_a_secret_that_is_no_text_is_not_shown(project: Project) -> None:
    path = project.write_file("x.yaml", "openalgo:\n  api_key: 987654321\n")
    assert refuse(path) == ["x.yaml:2:3: openalgo.api_key: must be text: put it in quotes"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(KEYS), value=st.sampled_from(ODD_VALUES) | st.text(max_size=8))
def test_whatever_a_file_holds_it_is_used_or_refused(
    project: Project, key: str, value: str
) -> None:
    path = project.root / "x.yaml"
    path.write_bytes(key.replace("@", value).encode("utf-8", "replace"))
    try:
        config = load_config(path)
    except ConfigError as error:
        problems = error.problems
    else:
        problems = ()
        json.dumps(config.public_dict(), allow_nan=False)
    assert all(problem.startswith("x.yaml:") for problem in problems)
