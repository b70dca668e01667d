"""What an order costs, against brokers' answers, published examples and arithmetic by hand."""

from __future__ import annotations

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from tapeback.errors import ConfigError
from tapeback.market.charges import Charges, charge
from tapeback.utils.clock import IST

PAISA = Decimal("0.01")
LINES = ("brokerage", "stt", "ctt", "exchange", "ipft", "sebi", "stamp", "gst", "dp")


def paise(amount: Decimal) -> Decimal:
    return amount.quantize(PAISA, ROUND_HALF_UP)


# Answers of Zerodha's own engine, for orders on Kite: recorded in public repositories, quoted in
# Kite's forum, or printed in its documentation. They show exchange charge and IPFT as one, and
# leave stamp duty below 50 paise out.
KITE: dict[str, tuple[tuple[Any, ...], dict[str, str]]] = {
    "a NIFTY future sold": (
        ("2026-09-30", "NSE", "EQ_FUT", "SELL", 65, "22833.70", "NIFTY27OCT26FUT"),
        {"brokerage": "20", "stt": "742.09525", "exchange": "27.16068615", "sebi": "1.4841905",
         "gst": "8.756077797", "total": "799.496204447"},
    ),
    "a NIFTY call bought": (
        ("2026-09-30", "NFO", "EQ_OPT", "BUY", 65, "19.00", "NIFTY06OCT2623200CE"),
        {"brokerage": "20", "stt": "0", "exchange": "0.4387955", "sebi": "0.001235",
         "gst": "3.67920549", "total": "24.11923599"},
    ),
    "a NIFTY call bought before the rates of 2026": (
        ("2025-07-01", "NFO", "EQ_OPT", "BUY", 75, "155.45", "NIFTY31JUL2525900CE"),
        {"brokerage": "20", "stt": "0", "exchange": "4.142353875", "sebi": "0.01165875",
         "gst": "4.3477222725", "total": "28.5017348975"},
    ),
    "one share for delivery": (
        ("2023-07-12", "NSE", "EQ_DELIVERY", "BUY", 1, "560", "SBIN"),
        {"brokerage": "0", "stt": "0.56", "exchange": "0.01876", "sebi": "0.00056",
         "gst": "0.0033768", "total": "0.5826968"},
    ),
    "a NIFTY put bought while IPFT bore no GST": (
        ("2023-07-12", "NFO", "EQ_OPT", "BUY", 100, "1.5", "NIFTY13JUL2317900PE"),
        {"brokerage": "20", "stt": "0", "exchange": "0.07575", "sebi": "0.00015",
         "gst": "3.613527", "total": "23.689427"},
    ),
    "a gold future sold": (
        ("2023-07-12", "MCX", "COM_FUT", "SELL", 1, "5862", "GOLDPETAL31JUL23FUT"),
        {"brokerage": "1.7586", "ctt": "0.5862", "exchange": "0.152412", "sebi": "0.005862",
         "gst": "0.34503732", "total": "2.84811132"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KITE)
def test_an_unrounded_order_is_what_kite_answers(name: str) -> None:
    (*order, symbol), answer = KITE[name]
    charges = charge(*order, symbol=symbol, rounding="none")
    for line, expected in answer.items():
        found = {
            "exchange": charges.exchange + charges.ipft,
            "total": charges.total - charges.stamp,
        }.get(line, getattr(charges, line))
        assert found == Decimal(expected), line


# Round trips: what both orders cost exactly, then rounded for show, as calculators do.
TRIPS: dict[str, tuple[tuple[Any, ...], dict[str, str]]] = {
    "Zerodha's calculator, early 2023": (
        ("2023-01-15", "NSE", "EQ_INTRADAY", 400, "1000", "1100", ""),
        {"brokerage": "40", "stt": "110", "exchange": "28.98", "stamp": "12", "total": "204.39"},
    ),
    "marketcalls' intraday example": (
        ("2026-03-05", "NSE", "EQ_INTRADAY", 500, "1000", "1000", ""),
        {"total": "224.61"},
    ),
    "marketcalls' delivery example, without DP charge": (
        ("2026-03-05", "NSE", "EQ_DELIVERY", 500, "1000", "1000", ""),
        {"total": "1112.41"},
    ),
    "futures at the STT of 2026": (
        ("2026-04-02", "NSE", "EQ_FUT", 500, "1000", "1000", ""),
        {"stt": "250", "total": "329.97"},
    ),
    "options at the STT of 2026": (
        ("2026-04-02", "NSE", "EQ_OPT", 500, "1000", "1000", ""),
        {"stt": "750", "total": "1232.63"},
    ),
    "SENSEX options": (
        ("2026-04-02", "BSE", "EQ_OPT", 20, "300", "360", "SENSEX"),
        {"brokerage": "40", "stt": "10.80", "exchange": "4.29", "sebi": "0.01", "stamp": "0.18",
         "gst": "7.97", "total": "63.26"},
    ),
    "crude oil": (
        ("2025-06-02", "MCX", "COM_FUT", 100, "5400", "5450", "CRUDEOIL"),
        {"brokerage": "40", "ctt": "54.50", "exchange": "22.79", "sebi": "1.09", "stamp": "10.80",
         "gst": "11.50", "total": "140.67"},
    ),
    "the dollar": (
        ("2025-06-02", "NSE", "CUR_FUT", 10000, "85.50", "85.60", "USDINR"),
        {"brokerage": "40", "stt": "0", "exchange": "6.84", "sebi": "1.71", "stamp": "0.86",
         "gst": "8.74", "total": "58.15"},
    ),
}  # fmt: skip


def trip(
    day: str, exchange: str, segment: str, quantity: int, buy: str, sell: str, symbol: str
) -> dict[str, Decimal]:
    """The exact lines of both orders, the DP charge apart, exchange charge and IPFT as one."""
    orders = (("BUY", buy), ("SELL", sell))
    legs = [
        charge(day, exchange, segment, side, quantity, price, symbol=symbol, rounding="none")
        for side, price in orders
    ]
    lines = {line: sum(getattr(leg, line) for leg in legs) for line in (*LINES, "total")}
    lines["total"] -= lines["dp"]
    lines["exchange"] += lines["ipft"]
    return lines


@pytest.mark.parametrize("name", TRIPS)
def test_a_round_trip_is_what_was_published(name: str) -> None:
    order, expected = TRIPS[name]
    lines = trip(*order)
    assert {line: paise(lines[line]) for line in expected} == {
        line: Decimal(amount) for line, amount in expected.items()
    }


def test_the_calculator_shows_gst_on_the_sebi_fee_with_the_fee() -> None:
    lines = trip("2023-01-15", "NSE", "EQ_INTRADAY", 400, "1000", "1100", "")
    # SEBI 840000 × 0.0001 % = 0.84, and 18 % of it: 0.99; the rest of GST 0.18 × 68.98 = 12.42.
    assert paise(lines["sebi"] * Decimal("1.18")) == Decimal("0.99")
    assert paise(lines["gst"] - lines["sebi"] * Decimal("0.18")) == Decimal("12.42")


# Arithmetic by hand on the day before a change and on its day: a turnover (or premium, for
# options) and the exact lines. GST is 0.18 × what it is charged on.
LAKH, TEN_LAKH = (1000, "100"), (1000, "1000")
BY_HAND: list[tuple[tuple[Any, ...], dict[str, str]]] = [
    # Futures, 10 lakh sold. STT 0.01 → 0.0125 → 0.02 → 0.05 %; exchange 0.002 → 0.0019 → 0.00188
    # → 0.00173 → 0.0018299 %; GST on 20 + 20 + 1, 20 + 19 + 1, 20 + 18.8 + 1, 20 + 17.3 + 1 + 1.
    (("2023-03-31", "NSE", "EQ_FUT", "SELL", *TEN_LAKH),
     {"brokerage": "20", "stt": "100", "exchange": "20", "ipft": "0.001", "sebi": "1",
      "gst": "7.38", "total": "148.381"}),
    (("2023-04-01", "NSE", "EQ_FUT", "SELL", *TEN_LAKH),
     {"brokerage": "20", "stt": "125", "exchange": "19", "ipft": "1", "sebi": "1",
      "gst": "7.2", "total": "173.2"}),
    (("2024-09-30", "NSE", "EQ_FUT", "SELL", *TEN_LAKH),
     {"brokerage": "20", "stt": "125", "exchange": "18.8", "ipft": "1", "sebi": "1",
      "gst": "7.164", "total": "172.964"}),
    (("2024-10-01", "NSE", "EQ_FUT", "SELL", *TEN_LAKH),
     {"brokerage": "20", "stt": "200", "exchange": "17.3", "ipft": "1", "sebi": "1",
      "gst": "7.074", "total": "246.374"}),
    (("2026-03-31", "NSE", "EQ_FUT", "SELL", *TEN_LAKH), {"stt": "200", "total": "246.374"}),
    (("2026-04-01", "NSE", "EQ_FUT", "SELL", *TEN_LAKH), {"stt": "500", "total": "546.374"}),
    # 2026-03-01 moves 999 paise a crore from IPFT to the exchange; the buyer's sum stays:
    # 20 + 18.3 + 1 + stamp 20 + 0.18 × 39.3.
    (("2026-02-28", "NSE", "EQ_FUT", "BUY", *TEN_LAKH),
     {"exchange": "17.3", "ipft": "1", "stamp": "20", "total": "66.374"}),
    (("2026-03-01", "NSE", "EQ_FUT", "BUY", *TEN_LAKH),
     {"exchange": "18.299", "ipft": "0.001", "stamp": "20", "total": "66.374"}),
    # Options, a premium of 1 lakh sold. STT 0.05 → 0.0625 → 0.1 → 0.15 %; exchange 0.053 → 0.05 →
    # 0.0495 → 0.03503 %; IPFT 0.0000001 → 0.0005 %.
    (("2023-03-31", "NSE", "EQ_OPT", "SELL", *LAKH),
     {"stt": "50", "exchange": "53", "ipft": "0.0001", "gst": "13.158", "total": "136.2581"}),
    (("2023-04-01", "NSE", "EQ_OPT", "SELL", *LAKH),
     {"stt": "62.5", "exchange": "50", "ipft": "0.5", "gst": "12.618", "total": "145.718"}),
    (("2024-03-31", "NSE", "EQ_OPT", "SELL", *LAKH), {"exchange": "50", "total": "145.718"}),
    (("2024-04-01", "NSE", "EQ_OPT", "SELL", *LAKH),
     {"exchange": "49.5", "gst": "12.528", "total": "145.128"}),
    (("2024-09-30", "NSE", "EQ_OPT", "SELL", *LAKH), {"stt": "62.5", "total": "145.128"}),
    (("2024-10-01", "NSE", "EQ_OPT", "SELL", *LAKH),
     {"stt": "100", "exchange": "35.03", "ipft": "0.5", "gst": "10.0134", "total": "165.6434"}),
    (("2026-03-31", "NSE", "EQ_OPT", "SELL", *LAKH),
     {"stt": "100", "exchange": "35.52", "ipft": "0.01", "total": "165.6434"}),
    (("2026-04-01", "NSE", "EQ_OPT", "SELL", *LAKH), {"stt": "150", "total": "215.6434"}),
    # Delivery, 10 lakh bought. Stamp 0.01 → 0.015 %; exchange 0.00325 → 0.00345 %; SEBI halved
    # until 2021-03-31; GST on the SEBI fee from 2022-07-18.
    (("2020-06-30", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH),
     {"brokerage": "0", "stt": "1000", "exchange": "32.5", "ipft": "0.001", "sebi": "0.5",
      "stamp": "100", "gst": "5.85", "total": "1138.851"}),
    (("2020-07-01", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH),
     {"stamp": "150", "gst": "5.85", "total": "1188.851"}),
    (("2020-12-31", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH), {"total": "1188.851"}),
    (("2021-01-01", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH),
     {"exchange": "34.5", "gst": "6.21", "total": "1191.211"}),
    (("2021-03-31", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH), {"sebi": "0.5", "total": "1191.211"}),
    (("2021-04-01", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH), {"sebi": "1", "total": "1191.711"}),
    (("2022-07-17", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH), {"gst": "6.21", "total": "1191.711"}),
    (("2022-07-18", "NSE", "EQ_DELIVERY", "BUY", *TEN_LAKH), {"gst": "6.39", "total": "1191.891"}),
    # Delivery sold: DP 13.5 × 1.18 → 13 × 1.18; GST on 32.2 + 1, then on 29.7 + 1 + 1.
    (("2024-09-30", "NSE", "EQ_DELIVERY", "SELL", *TEN_LAKH),
     {"stamp": "0", "gst": "5.976", "dp": "15.93", "total": "1056.106"}),
    (("2024-10-01", "NSE", "EQ_DELIVERY", "SELL", *TEN_LAKH),
     {"stamp": "0", "gst": "5.706", "dp": "15.34", "total": "1052.746"}),
    # Intraday sold: SEBI 0.00015 → 0.0001 → 0.00005 %; stamp 0.002 % on both sides back then.
    (("2019-03-31", "NSE", "EQ_INTRADAY", "SELL", *TEN_LAKH),
     {"brokerage": "20", "stt": "250", "sebi": "1.5", "stamp": "20", "gst": "9.45", "dp": "0",
      "total": "333.451"}),
    (("2019-04-01", "NSE", "EQ_INTRADAY", "SELL", *TEN_LAKH), {"sebi": "1", "total": "332.951"}),
    (("2020-05-31", "NSE", "EQ_INTRADAY", "SELL", *TEN_LAKH), {"sebi": "1", "total": "332.951"}),
    (("2020-06-01", "NSE", "EQ_INTRADAY", "SELL", *TEN_LAKH), {"sebi": "0.5", "total": "332.451"}),
    # BSE cash 0.00345 → 0.00375 %: 20 + 34.5 + 1 + stamp 30 + 0.18 × 55.5.
    (("2022-11-30", "BSE", "EQ_INTRADAY", "BUY", *TEN_LAKH),
     {"exchange": "34.5", "ipft": "0", "gst": "9.99", "total": "95.49"}),
    (("2022-12-01", "BSE", "EQ_INTRADAY", "BUY", *TEN_LAKH),
     {"exchange": "37.5", "gst": "10.53", "total": "99.03"}),
    # SENSEX options 0.005 → 0.0375 → 0.0495 → 0.0325 %, a premium of 1 lakh bought: stamp 3.
    (("2023-10-31", "BFO", "EQ_OPT", "BUY", *LAKH), {"exchange": "5", "total": "32.618"}),
    (("2023-11-01", "BFO", "EQ_OPT", "BUY", *LAKH), {"exchange": "37.5", "total": "70.968"}),
    (("2024-05-12", "BFO", "EQ_OPT", "BUY", *LAKH), {"exchange": "37.5", "total": "70.968"}),
    (("2024-05-13", "BFO", "EQ_OPT", "BUY", *LAKH), {"exchange": "49.5", "total": "85.128"}),
    (("2024-10-01", "BFO", "EQ_OPT", "BUY", *LAKH), {"exchange": "32.5", "total": "65.068"}),
    # MCX: futures 0.0026 → 0.0021 %, options 0 → 0.05 → 0.0418 %; CTT 0.01 % and 0.05 %.
    (("2024-09-30", "MCX", "COM_FUT", "SELL", *TEN_LAKH),
     {"stt": "0", "ctt": "100", "exchange": "26", "gst": "8.46", "total": "155.46"}),
    (("2024-10-01", "MCX", "COM_FUT", "SELL", *TEN_LAKH),
     {"stt": "0", "ctt": "100", "exchange": "21", "gst": "7.56", "total": "149.56"}),
    (("2021-09-30", "MCX", "COM_OPT", "SELL", *LAKH),
     {"ctt": "50", "exchange": "0", "gst": "3.6", "total": "73.7"}),
    (("2021-10-01", "MCX", "COM_OPT", "SELL", *LAKH),
     {"ctt": "50", "exchange": "50", "gst": "12.6", "total": "132.7"}),
    (("2024-10-01", "MCX", "COM_OPT", "SELL", *LAKH),
     {"ctt": "50", "exchange": "41.8", "gst": "11.142", "total": "123.042"}),
    # Currency futures 0.0009 → 0.00035 %, IPFT 0.00005 %, stamp 0.0001 %, no STT.
    (("2024-09-30", "CDS", "CUR_FUT", "BUY", *TEN_LAKH),
     {"stt": "0", "exchange": "9", "ipft": "0.5", "stamp": "1", "gst": "5.4", "total": "36.9"}),
    (("2024-10-01", "CDS", "CUR_FUT", "BUY", *TEN_LAKH),
     {"stt": "0", "exchange": "3.5", "ipft": "0.5", "stamp": "1", "gst": "4.5", "total": "30.5"}),
    # Zerodha's percentage 0.01 → 0.03 %: an order of 10,000.
    (("2019-09-30", "NSE", "EQ_INTRADAY", "BUY", 100, "100"), {"brokerage": "1"}),
    (("2019-10-01", "NSE", "EQ_INTRADAY", "BUY", 100, "100"), {"brokerage": "3"}),
]  # fmt: skip


@pytest.mark.parametrize(("order", "expected"), BY_HAND, ids=lambda part: " ".join(map(str, part)))
def test_every_change_of_a_rate_falls_on_its_day(
    order: tuple[Any, ...], expected: dict[str, str]
) -> None:
    charges = charge(*order, rounding="none")
    found = {line: getattr(charges, line) for line in expected}
    assert found == {line: Decimal(amount) for line, amount in expected.items()}


def test_the_lines_make_the_total_in_every_mode() -> None:
    for rounding in ("none", "paisa", "contract-note"):
        sold = charge("2025-03-03", "NSE", "EQ_DELIVERY", "SELL", 7, "123.45", rounding=rounding)
        assert sold.dp == Decimal("15.34")
        assert sum(getattr(sold, line) for line in LINES) == sold.total


def test_lines_round_half_up() -> None:
    # STT 65 × 22833.70 × 0.05 % = 742.09525; GST 8.756...; exchange 27.159...; SEBI 1.484...
    order = ("2026-09-30", "NSE", "EQ_FUT", "SELL", 65, "22833.70")
    paisa = charge(*order)
    assert (paisa.stt, paisa.exchange, paisa.sebi, paisa.gst) == tuple(
        map(Decimal, ("742.10", "27.16", "1.48", "8.76"))
    )
    assert paisa.total == Decimal("799.50")
    note = charge(*order, rounding="contract-note")
    assert (note.stt, note.exchange, note.total) == tuple(map(Decimal, ("742", "27.16", "799.4")))


@pytest.mark.parametrize(
    ("price", "paisa", "note"),
    [
        # STT is 0.02 % of 1000 × the price.
        ("2.45", "0.49", "0"),
        ("2.5", "0.5", "1"),
        ("27.45", "5.49", "5"),
        ("27.475", "5.5", "5"),  # exactly 5.495: half up to the paisa, but not to the rupee
        ("27.5", "5.5", "6"),
    ],
)
def test_half_a_rupee_of_stt_is_a_rupee_on_the_contract_note(
    price: str, paisa: str, note: str
) -> None:
    order = ("2025-03-03", "NSE", "EQ_FUT", "SELL", 1000, price)
    assert charge(*order).stt == Decimal(paisa)
    assert charge(*order, rounding="contract-note").stt == Decimal(note)


def test_a_price_is_taken_as_written() -> None:
    order = ("2023-07-12", "NSE", "EQ_DELIVERY", "BUY", 3)
    exact = [charge(*order, price, rounding="none") for price in (0.1, "0.1", Decimal("0.1"))]
    assert exact[0] == exact[1] == exact[2]
    assert exact[0].stt == Decimal("0.0003")


def test_a_day_may_be_a_date_a_moment_or_text() -> None:
    order = ("NSE", "EQ_FUT", "SELL", *TEN_LAKH)
    whole = charge(date(2024, 10, 1), *order)
    assert whole == charge("2024-10-01", *order)
    assert whole == charge(datetime(2024, 10, 1, 9, 15, tzinfo=IST), *order)


@pytest.mark.parametrize(
    ("segment", "symbol", "day", "exchange_charge"),
    [
        ("EQ_OPT", "", "2024-10-01", "32.5"),
        ("EQ_OPT", "SENSEX28NOV2472000CE", "2024-10-01", "32.5"),
        ("EQ_OPT", "BANKEX28NOV2472000CE", "2024-10-01", "32.5"),
        ("EQ_OPT", "BANKEX26FEB2452000CE", "2024-02-01", "5"),
        ("EQ_OPT", "SENSEX5028NOV2425000CE", "2024-10-01", "5"),
        ("EQ_OPT", "RELIANCE28NOV241300CE", "2024-10-01", "5"),
        ("EQ_OPT", "FOCIT28MAY2640000CE", "2026-06-01", "0"),
        ("EQ_FUT", "SENSEX28NOV24FUT", "2024-10-01", "0"),
    ],
)
def test_bse_s_derivatives_are_told_apart_by_symbol(
    segment: str, symbol: str, day: str, exchange_charge: str
) -> None:
    charges = charge(day, "BFO", segment, "BUY", *LAKH, symbol=symbol, rounding="none")
    assert charges.exchange == Decimal(exchange_charge)


@pytest.mark.parametrize(
    ("segment", "symbol", "side", "stt"),
    [
        ("EQ_DELIVERY", "RELIANCE", "BUY", "100"),
        ("EQ_DELIVERY", "NIFTYBEES", "BUY", "0"),
        ("EQ_DELIVERY", "NIFTYBEES", "SELL", "1"),  # 1 lakh × 0.001 %
        ("EQ_INTRADAY", "NIFTYBEES", "SELL", "25"),
        ("EQ_DELIVERY", "GOLDBEES", "SELL", "0"),
        ("EQ_INTRADAY", "GOLDBEES", "SELL", "0"),
        ("EQ_DELIVERY", "MON100", "SELL", "0"),
    ],
)
def test_units_of_funds_have_an_stt_of_their_own(
    segment: str, symbol: str, side: str, stt: str
) -> None:
    charges = charge("2025-03-03", "NSE", segment, side, *LAKH, symbol=symbol, rounding="none")
    assert charges.stt == Decimal(stt)
    assert bool(charges.doubtful) == (symbol == "MON100")


def test_farm_goods_pay_no_ctt_and_a_tenth_of_the_sebi_fee() -> None:
    order = ("2025-03-03", "MCX", "COM_FUT", "SELL", *TEN_LAKH)
    cotton = charge(*order, symbol="COTTONCNDY31MAR25FUT", rounding="none")
    oil = charge(*order, symbol="COTTONOIL31MAR25FUT", rounding="none")
    assert (cotton.ctt, cotton.sebi) == (0, Decimal("0.1"))
    assert (oil.ctt, oil.sebi) == (100, 1)


@pytest.mark.parametrize(("alias", "exchange", "segment"), [
    ("NFO", "NSE", "EQ_FUT"), ("NFO", "NSE", "EQ_OPT"), ("BFO", "BSE", "EQ_OPT"),
    ("CDS", "NSE", "CUR_FUT"), ("CDS", "NSE", "CUR_OPT"), ("BCD", "BSE", "CUR_OPT"),
])  # fmt: skip
def test_openalgo_s_exchange_codes_mean_their_exchange(
    alias: str, exchange: str, segment: str
) -> None:
    order = (segment, "SELL", *LAKH)
    assert charge("2025-03-03", alias, *order) == charge("2025-03-03", exchange, *order)


def doubts(charges: Charges) -> str:
    return "\n".join(map(str, charges.doubtful))


def test_days_before_the_first_row_take_it_and_say_so() -> None:
    order = ("NSE", "EQ_OPT", "SELL", *LAKH)
    old = charge("2007-01-02", *order, rounding="none")
    # The first rows: STT 0.017 %, exchange 0.05 %, SEBI 0.0002 %, stamp 0.002 %, GST 18 %.
    assert (old.stt, old.exchange, old.sebi, old.stamp) == tuple(
        map(Decimal, ("17", "50", "0.2", "2"))
    )
    for rule in ("stt.EQ_OPT", "exchange.NSE.EQ_OPT", "sebi.ALL", "gst", "zerodha.brokerage"):
        assert rule in doubts(old), rule
    assert "stands for the time before it" in doubts(old)


def test_rules_of_good_confidence_raise_no_doubt() -> None:
    assert doubts(charge("2026-09-30", "NSE", "EQ_FUT", "SELL", 65, 22833.7)) == ""
    assert "Maharashtra" in doubts(charge("2019-06-03", "NSE", "EQ_FUT", "SELL", 65, 11800))


def test_an_exchange_without_rates_of_its_own_says_whose_it_takes() -> None:
    order = ("COM_FUT", "SELL", *TEN_LAKH)
    nse = charge("2025-03-03", "NCO", *order)
    assert nse.total == charge("2025-03-03", "MCX", *order).total
    assert "NSE's commodity segment" in doubts(nse)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"date": "30-09-2026"}, "2026-09-30"),
        ({"exchange": "NYSE"}, "Known are NSE, NFO"),
        ({"exchange": "NSX"}, "did you mean 'NSE'"),
        ({"segment": "EQ_FUTURE"}, "did you mean 'EQ_FUT'"),
        ({"exchange": "MCX"}, "MCX does not trade EQ_FUT"),
        ({"exchange": "CDS"}, "It trades CUR_FUT, CUR_OPT"),
        ({"side": "LONG"}, "BUY, SELL"),
        ({"quantity": 0}, "from 1 upwards"),
        ({"quantity": 1.5}, "whole number"),
        ({"quantity": True}, "whole number"),
        ({"price": "cheap"}, "above 0"),
        ({"price": 0}, "above 0"),
        ({"price": float("inf")}, "above 0"),
        ({"price": float("nan")}, "above 0"),
        ({"plan": "zerodah"}, "did you mean 'zerodha'"),
        ({"rounding": "rupee"}, "none, paisa, contract-note"),
    ],
    ids=lambda part: str(part)[:40],
)
def test_what_cannot_be_charged_is_refused_with_what_can(
    changed: dict[str, Any], said: str
) -> None:
    order = {"date": "2026-09-30", "exchange": "NSE", "segment": "EQ_FUT", "side": "SELL",
             "quantity": 65, "price": 22833.7}  # fmt: skip
    with pytest.raises(ConfigError) as refusal:
        charge(**(order | changed))
    assert said in str(refusal.value)
