"""How contracts end: in cash, worthless, by delivery of shares, as another contract."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback import Candles
from tests.core.play import LIVE, SANDBOX, Played, Scripted, bars, minutes, play
from tests.core.rules.scenes import CHARGED, clocks, postings, reasons, still
from tests.core.test_defects_of_speed import calls_of

LAST = "2024-01-25"
NEXT = "2024-01-29"
EVENING = clocks(LAST, "15:27", "15:28", "15:29")
CALL, PUT = "NIFTY25JAN2422000CE", "NIFTY25JAN2422000PE"
RICH: dict[str, Any] = {**LIVE, "initial_cash": 10_000_000}
CHARGED_RICH: dict[str, Any] = {**CHARGED, "initial_cash": 10_000_000}


def index(*closes: float, at: list[str] = EVENING, symbol: str = "NIFTY") -> Candles:
    rows = [(close, close, close, close) for close in closes]
    return bars(*rows, at=at, symbol=symbol, exchange="NSE_INDEX", volume=None)


def contract(price: float, symbol: str, at: list[str] = EVENING, exchange: str = "NFO") -> Candles:
    return still(price, at, symbol=symbol, exchange=exchange, volume=1e6)


def ended(played: Played) -> list[tuple[str, str, int, float]]:
    """(symbol, side, quantity, price) of what was settled."""
    return [(f.symbol, f.side, f.quantity, f.price) for f in played.fills if f.rule == "expiry"]


def hold(symbol: str, quantity: int, **order: Any) -> dict[Any, Any]:
    """Buy, or with a negative quantity sell, at the first close of a symbol."""

    def send(s: Scripted) -> None:
        action = s.buy if quantity > 0 else s.sell
        action(abs(quantity), symbol=symbol, **order)

    return {(symbol, 0): send}


# Index contracts ---------------------------------------------------------------------------


def test_an_index_option_in_the_money_is_settled_in_cash_and_pays_stt_on_its_exercise() -> None:
    """Bought at 90; NIFTY ends at 22,100: worth 100. STT 0.125 % of 50 x 100: 6.25."""
    series = [index(22_000, 22_050, 22_100), contract(90, CALL)]
    # The settlement price is the mean of the last half hour: 66,150 / 3 = 22,050, worth 50.
    played = play(series, hold(CALL, 50), **CHARGED_RICH)
    assert ended(played) == [(CALL, "SELL", 50, 50)]
    assert played.fills[1].charges == 0
    # 0.125 % of 50 x 50 = 2,500: 3.125, half up to the paisa.
    assert postings(played) == [("01-25 15:29:59", "STT on exercise", -3.13)]
    assert not played.result.open_positions
    assert played.result.trades[0].exit_price == 50


def test_only_the_last_half_hour_counts() -> None:
    labels = [*clocks(LAST, "14:58", "14:59"), *clocks(LAST, "15:00", "15:29")]
    series = [index(20_000, 20_000, 22_100, 22_300, at=labels), contract(90, CALL, labels)]
    assert ended(play(series, hold(CALL, 50), **RICH)) == [(CALL, "SELL", 50, 200)]


def test_who_wrote_the_option_pays_its_worth_and_no_tax() -> None:
    series = [index(22_100, 22_100, 22_100), contract(90, CALL)]
    played = play(series, hold(CALL, -50), **CHARGED_RICH)
    assert ended(played) == [(CALL, "BUY", 50, 100)]
    assert not played.result.postings


@pytest.mark.parametrize("close", [22_000, 21_000])
def test_an_option_that_is_not_in_the_money_ends_worthless(close: float) -> None:
    series = [index(close, close, close), contract(90, CALL)]
    played = play(series, hold(CALL, 50), **CHARGED_RICH)
    assert ended(played) == [(CALL, "SELL", 50, 0)]
    assert not played.result.postings
    assert played.result.trades[0].pnl == -50 * 90 - played.result.trades[0].fees


@pytest.mark.parametrize(
    ("day", "call", "lot", "close", "strike", "tax"),
    [
        # Until the end of August 2019 of the whole settlement value: 0.125 % of 75 x 11,100.
        ("2019-08-29", "NIFTY29AUG1911000CE", 75, 11_100, 11_000, 1_040.63),
        # Then of the intrinsic value: 0.125 % of 75 x 100 = 9.375.
        ("2019-09-05", "NIFTY05SEP1911000CE", 75, 11_100, 11_000, 9.38),
        ("2026-03-30", "NIFTY30MAR2625000CE", 65, 25_100, 25_000, 8.13),
        # Since April 2026 0.15 %: of 65 x 100.
        ("2026-04-07", "NIFTY07APR2625000CE", 65, 25_100, 25_000, 9.75),
    ],
)  # fmt: skip
def test_the_tax_on_an_exercise_is_that_of_the_date(
    day: str, call: str, lot: int, close: float, strike: float, tax: float
) -> None:
    labels = clocks(day, "15:27", "15:28", "15:29")
    series = [index(close, close, close, at=labels), contract(90, call, labels)]
    played = play(series, hold(call, lot), **CHARGED_RICH)
    assert ended(played) == [(call, "SELL", lot, close - strike)]
    assert postings(played)[0][1:] == ("STT on exercise", -tax)


def test_a_straddle_ends_with_one_leg_worthless() -> None:
    series = [index(22_100, 22_100, 22_100), contract(90, CALL), contract(80, PUT)]
    steps = {**hold(CALL, -50), **hold(PUT, -50)}
    played = play(series, steps, **RICH)
    assert sorted(ended(played)) == [(CALL, "BUY", 50, 100), (PUT, "BUY", 50, 0)]
    # 50 x (90 + 80 - 100).
    assert played.result.equity_curve.equity[-1] == 10_000_000 + 3_500


def test_the_exits_of_a_position_end_with_its_contract() -> None:
    series = [index(22_100, 22_100, 22_100), contract(90, CALL)]
    steps = {(CALL, 0): lambda s: s.buy(50, symbol=CALL, stop_loss=50, target=130)}
    played = play(series, steps, **RICH)
    assert reasons(played)[1:3] == ["the contract has expired."] * 2


def test_without_the_index_an_option_ends_at_what_its_last_price_says() -> None:
    steps = {0: lambda s: s.buy(50)}
    assert ended(play(contract(120, CALL), steps, **RICH)) == [(CALL, "SELL", 50, 120)]
    assert ended(play(contract(120, PUT), steps, **RICH)) == [(PUT, "SELL", 50, 120)]
    # Five paise are the least price that there is: nobody thinks it worth anything.
    assert ended(play(contract(0.05, CALL), steps, **RICH)) == [(CALL, "SELL", 50, 0)]


def test_a_future_that_expires_with_the_option_stands_for_the_index() -> None:
    future = "NIFTY25JAN24FUT"
    series = [contract(22_150, future), contract(90, CALL)]
    assert ended(play(series, hold(CALL, 50), **RICH)) == [(CALL, "SELL", 50, 150)]


def test_an_index_future_ends_at_the_close_of_the_index() -> None:
    future = "NIFTY25JAN24FUT"
    series = [index(22_100, 22_100, 22_100), contract(22_104, future)]
    played = play(series, hold(future, 50), **CHARGED_RICH)
    assert ended(played) == [(future, "SELL", 50, 22_100)]
    assert not played.result.postings


def test_without_the_index_a_future_ends_at_its_own_close_not_at_another_months() -> None:
    near, far = "NIFTY25JAN24FUT", "NIFTY29FEB24FUT"
    series = [contract(22_300, far), contract(22_100, near)]
    assert ended(play(series, hold(near, 50), **RICH)) == [(near, "SELL", 50, 22_100)]


def test_a_contract_without_a_bar_on_its_last_day_is_settled_all_the_same() -> None:
    at = ["2024-01-24 15:27", "2024-01-24 15:28", *EVENING]
    series = [
        index(22_000, 22_000, 22_100, 22_100, 22_100, at=at),
        contract(90, CALL, at[:2]),
    ]
    played = play(series, hold(CALL, 50), **RICH)
    assert ended(played) == [(CALL, "SELL", 50, 100)]
    assert f"{played.fills[-1].time:%m-%d %H:%M}" == "01-25 15:29"


def test_data_that_ends_before_the_close_of_the_last_day_settles_nothing() -> None:
    at = ["2024-01-24 15:28", "2024-01-24 15:29", f"{LAST} 11:00"]
    series = [index(22_000, 22_000, 22_100, at=at), contract(90, CALL, at[:2])]
    played = play(series, hold(CALL, 50), **RICH)
    assert not ended(played)
    assert [p.quantity for p in played.result.open_positions] == [50]


def test_the_sandbox_closes_at_the_last_price_and_takes_no_tax() -> None:
    series = [index(22_100, 22_100, 22_100), contract(90, CALL)]
    played = play(series, hold(CALL, 50), **{**SANDBOX, "initial_cash": 1e7})
    assert ended(played) == [(CALL, "SELL", 50, 90)]
    assert not played.result.postings


# Stock contracts ---------------------------------------------------------------------------

FUT = "RELIANCE25JAN24FUT"


def share(*closes: float, at: list[str] = EVENING) -> Candles:
    return bars(*[(c, c, c, c) for c in closes], at=at, symbol="RELIANCE", volume=1e6)


def test_a_stock_future_is_delivered_into_the_holdings() -> None:
    """250 at the share's close of 2,700: 6,75,000. STT 0.1 % 675.00, stamp duty 0.015 % 101.25.
    The next day they are holdings like any other."""
    at = [*EVENING, *minutes(f"{NEXT} 09:15", 2)]
    series = [share(2_700, 2_700, 2_700, 2_700, 2_700, at=at), contract(2_690, FUT)]

    def sell(s: Scripted) -> None:
        s.sell(250, symbol="RELIANCE", product="CNC")

    played = play(series, {**hold(FUT, 250), ("RELIANCE", 3): sell}, **CHARGED_RICH)
    assert ended(played) == [(FUT, "SELL", 250, 2_700), ("RELIANCE", "BUY", 250, 2_700)]
    assert played.fills[2].product == "CNC"
    assert postings(played) == [
        ("01-25 15:29:59", "STT on delivery", -675.0),
        ("01-25 15:29:59", "stamp duty on delivery", -101.25),
        ("01-29 09:16:59", "DP charge", -15.93),
    ]
    assert played.rows[-1] == ("09:16:00", "SELL", 250, 2_700, "P1")


def test_without_the_share_in_the_run_a_stock_future_is_settled_in_cash() -> None:
    played = play(contract(2_690, FUT), {0: lambda s: s.buy(250)}, **CHARGED_RICH)
    assert ended(played) == [(FUT, "SELL", 250, 2_690)]
    assert not played.result.open_positions


def test_a_short_future_delivers_shares_that_are_held_and_no_others() -> None:
    """Sold 250 futures. With 300 shares in CNC 250 go out; with 200 it is settled in cash."""
    at = ["2024-01-24 15:00", "2024-01-24 15:01", *EVENING]
    series = [share(*[2_700] * 5, at=at), contract(2_690, FUT)]

    def run(held: int) -> Played:
        buy = {("RELIANCE", 0): lambda s: s.buy(held, symbol="RELIANCE", product="CNC")}
        return play(series, {**buy, **hold(FUT, -250)}, **RICH)

    delivered, in_cash = run(300), run(200)
    assert ended(delivered) == [(FUT, "BUY", 250, 2_700), ("RELIANCE", "SELL", 250, 2_700)]
    assert [p.quantity for p in delivered.result.open_positions] == [50]
    assert ended(in_cash) == [(FUT, "BUY", 250, 2_700)]
    assert [p.quantity for p in in_cash.result.open_positions] == [200]


@pytest.mark.parametrize(
    ("symbol", "quantity", "close", "shares"),
    [
        ("RELIANCE25JAN242650CE", 250, 2_700, 250),  # its holder gets shares at 2,650
        ("RELIANCE25JAN242750PE", -250, 2_700, 250),  # its writer has to take them at 2,750
        ("RELIANCE25JAN242700CE", 250, 2_700, 0),  # at the money: worthless
    ],
)
def test_a_stock_option_in_the_money_is_delivered_at_its_strike(
    symbol: str, quantity: int, close: float, shares: int
) -> None:
    series = [share(close, close, close), contract(60, symbol)]
    limit = {"pricetype": "LIMIT", "price": 60}
    played = play(series, hold(symbol, quantity, **limit), **CHARGED_RICH)
    strike = float(symbol[len("RELIANCE25JAN24") : -2])
    side = "SELL" if quantity > 0 else "BUY"
    expected = [(symbol, side, 250, 0)]
    if shares:
        expected.append(("RELIANCE", "BUY", shares, strike))
        stt = [p for p in postings(played) if p[1] == "STT on delivery"]
        # 0.1 % of the strike's value: 662.50 or 687.50.
        assert stt == [("01-25 15:29:59", "STT on delivery", -shares * strike / 1000)]
    else:
        assert not played.result.postings
    assert ended(played) == expected


def test_before_october_2019_stock_contracts_ended_in_cash() -> None:
    at = clocks("2019-09-26", "15:27", "15:28", "15:29")
    future = "RELIANCE26SEP19FUT"
    series = [share(1_300, 1_300, 1_300, at=at), contract(1_298, future, at)]
    played = play(series, hold(future, 500), **CHARGED_RICH)
    assert ended(played) == [(future, "SELL", 500, 1_300)]
    assert not played.result.postings


def test_money_that_a_delivery_takes_beyond_what_is_there_is_a_shortfall() -> None:
    """Margin of 250 at 2,690 was there, 6,75,000 for the shares are not."""
    series = [share(2_700, 2_700, 2_700), contract(2_690, FUT)]
    played = play(series, hold(FUT, 250), **{**LIVE, "initial_cash": 200_000})
    # 2,00,000 + 250 x 10 earned - 6,75,000.
    assert [(s.date, s.amount) for s in played.result.shortfalls] == [(LAST, -472_500)]


# Commodities -------------------------------------------------------------------------------

CRUDE_CALL, CRUDE = "CRUDEOIL17JAN246000CE", "CRUDEOIL19JAN24FUT"
NIGHT = clocks("2024-01-17", "23:52", "23:53", "23:54")


def test_an_mcx_option_becomes_its_future_at_the_strike() -> None:
    """CTT on the exercise: 0.0001 % of 100 x 6,100 = 0.61."""
    series = [
        contract(6_100, CRUDE, NIGHT, "MCX"),
        contract(90, CRUDE_CALL, NIGHT, "MCX"),
    ]
    played = play(series, hold(CRUDE_CALL, 100), **CHARGED_RICH)
    assert ended(played) == [(CRUDE_CALL, "SELL", 100, 0), (CRUDE, "BUY", 100, 6_000)]
    assert postings(played)[0] == ("01-17 23:54:59", "CTT on exercise", -0.61)
    assert [(p.symbol, p.quantity, p.product) for p in played.result.open_positions] == [
        (CRUDE, 100, "NRML")
    ]


def test_an_mcx_option_without_its_future_is_worth_what_its_last_price_says() -> None:
    played = play(contract(90, CRUDE_CALL, NIGHT, "MCX"), {0: lambda s: s.buy(100)}, **RICH)
    assert ended(played) == [(CRUDE_CALL, "SELL", 100, 90)]
    assert not played.result.open_positions


@pytest.mark.parametrize("traded", [1, 40])
def test_expired_contracts_cost_nothing_in_the_sessions_after(traded: int) -> None:
    """Forty options, all or one of which were held: what is under way is not looked through for
    each of them at the end of each session."""
    days = ["2024-01-25", "2024-01-29", "2024-01-30", "2024-01-31", "2024-02-01", "2024-02-02"]
    at = [label for day in days for label in clocks(day, "15:28", "15:29")]
    strikes = [f"NIFTY25JAN24{22_000 + 50 * k}CE" for k in range(40)]
    series = [
        index(*[22_000] * len(at), at=at),
        *[contract(90, symbol, at[:2]) for symbol in strikes],
    ]
    steps = {key: step for symbol in strikes[:traded] for key, step in hold(symbol, 50).items()}
    counts = calls_of(lambda: play(series, steps, **RICH))
    assert counts["order_simulator.py:working"] < 20
    assert counts["order_simulator.py:working_in"] <= 40
