"""`tapeback charges`."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result

Call = Callable[..., Result]

FUTURE = {
    "--date": "2026-09-30",
    "--exchange": "NSE",
    "--segment": "EQ_FUT",
    "--side": "SELL",
    "--qty": "65",
    "--price": "22833.70",
}


def words(**changed: str | None) -> list[str]:
    options = FUTURE | {f"--{name}": value for name, value in changed.items()}
    return [word for name, value in options.items() if value is not None for word in (name, value)]


def test_an_order_line_by_line(tapeback_: Call) -> None:
    shown = tapeback_("charges", *words())
    assert shown.exit_code == 0
    lines = dict(line.rsplit(maxsplit=1) for line in shown.stdout.splitlines())
    assert lines == {
        "Brokerage": "20.00",
        "STT": "742.10",
        "Exchange charge": "27.16",
        "IPFT": "0.00",
        "SEBI fee": "1.48",
        "Stamp duty": "0.00",
        "GST": "8.76",
        "DP charge": "0.00",
        "Total": "799.50",
    }


def test_one_json_document_with_exact_numbers(tapeback_: Call) -> None:
    shown = tapeback_("charges", *words(rounding="none"), "--json")
    assert json.loads(shown.stdout) == {
        "brokerage": 20,
        "stt": 742.09525,
        "exchange": 27.1592019595,
        "ipft": 0.0014841905,
        "sebi": 1.4841905,
        "stamp": 0,
        "gst": 8.756077797,
        "dp": 0,
        "total": 799.496204447,
    }


def test_commodities_show_ctt_in_the_place_of_stt(tapeback_: Call) -> None:
    shown = tapeback_("charges", *words(exchange="MCX", segment="COM_FUT", price="100"), "--json")
    document = json.loads(shown.stdout)
    assert "stt" not in document
    assert document["ctt"] == 0.65  # 6,500 × 0.01 %


def test_words_may_be_small(tapeback_: Call) -> None:
    small = words(exchange="nfo", segment="eq_fut", side="sell", plan="Zerodha", symbol="nifty")
    assert tapeback_("charges", *small).stdout == tapeback_("charges", *words()).stdout


def test_the_symbol_the_plan_and_the_rounding_count(tapeback_: Call) -> None:
    sale = words(segment="EQ_DELIVERY", price="250.10", rounding="contract-note", plan="groww")
    plain = json.loads(tapeback_("charges", *sale, "--json").stdout)
    # 65 × 250.10 = 16,256.50: STT 16.26 → 16, brokerage 0.1 %, DP 20 × 1.18.
    assert (plain["stt"], plain["brokerage"], plain["dp"]) == (16, 16.26, 23.6)
    fund = json.loads(tapeback_("charges", *sale, "--symbol", "niftybees", "--json").stdout)
    assert fund["stt"] == 0  # 0.001 %: 16 paise


def test_rules_of_low_confidence_are_named(tapeback_: Call) -> None:
    old = words(date="2019-06-03")
    assert "low confidence: charges.stamp.EQ_FUT" in tapeback_("charges", *old).stdout
    shown = tapeback_("charges", *old, "--json")
    assert json.loads(shown.stdout)["stamp"] > 0
    assert "low confidence: charges.stamp.EQ_FUT" in shown.stderr


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"date": "30/09/2026"}, "Write it as 2026-09-30"),
        ({"exchange": "NYSE"}, "'NFO'"),
        ({"segment": "EQ"}, "'EQ_DELIVERY'"),
        ({"exchange": "MCX"}, "It trades COM_FUT, COM_OPT"),
        ({"side": "HOLD"}, "'BUY'"),
        ({"qty": "0"}, "x>=1"),
        ({"qty": "1.5"}, "not a valid integer"),
        ({"price": "much"}, "above 0"),
        ({"price": "-1"}, "above 0"),
        ({"plan": "zerodah"}, "did you mean 'zerodha'"),
        ({"rounding": "rupee"}, "'contract-note'"),
        ({"price": None}, "--price"),
    ],
    ids=str,
)
def test_what_cannot_be_charged_is_a_usage_error(
    tapeback_: Call, changed: dict[str, str | None], said: str
) -> None:
    shown = tapeback_("charges", *words(**changed))
    assert shown.exit_code == 2
    assert said.lower() in shown.stderr.lower()
    assert shown.stdout == ""
    told = json.loads(tapeback_("charges", *words(**changed), "--json").stdout)
    assert told["error"]["exit_code"] == 2
