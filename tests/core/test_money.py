"""Money adds up to the paisa, whatever the prices and however many the fills."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tapeback.core.portfolio import Portfolio
from tapeback.market.charges import ChargeSchedule
from tapeback.models.order import Order
from tapeback.utils.money import PAISA, RUPEE, to_units

_EXECUTIONS = st.lists(
    st.tuples(st.integers(-500, 500).filter(bool), st.integers(1, 4_000_000)), max_size=60
)


@given(_EXECUTIONS)
def test_defect_29_cash_and_positions_are_exact_after_any_fills(
    executions: list[tuple[int, int]],
) -> None:
    """Prices on the 0.05 grid; the account is compared with decimal arithmetic."""
    account = Portfolio(1_000_000.0, margined=False)
    position = account.position("SBIN", "NSE", "MIS")
    costs = ChargeSchedule("flat").rates("EQ_INTRADAY", "NSE", 19000)
    cash, held, realised = Decimal(1_000_000), 0, Decimal(0)
    for signed, ticks in executions:
        price = ticks / 20
        units = to_units(price)
        action = "BUY" if signed > 0 else "SELL"
        order = Order("SBIN", action, abs(signed), "NSE", product="MIS")
        charges = costs.cost(signed > 0, abs(signed) * units, 0)
        before = position.realised
        account.settle(order, position, signed, units, charges)
        cash -= signed * Decimal(ticks) / 20 + Decimal(charges) / RUPEE
        held += signed
        realised += Decimal(position.realised - before) / RUPEE
    assert Decimal(account.cash_units) / RUPEE == cash
    assert position.quantity == held
    if held == 0:
        # Flat: the profit taken is all that the account gained before charges.
        assert position.cost == 0
        spent = sum(costs.cost(True, abs(s) * to_units(t / 20), 0) for s, t in executions)
        assert realised == cash - Decimal(1_000_000) + Decimal(spent) / RUPEE


@given(st.integers(0, 10**15), st.floats(0, 100))
def test_defect_29_charges_are_whole_paise_and_never_drift(value: int, bps: float) -> None:
    rates = ChargeSchedule("none", fee_bps=bps).rates("EQ_INTRADAY", "NSE", 19000)
    charge = rates.cost(True, value, 0)
    assert charge % PAISA == 0
    assert abs(charge - value * round(bps * 1e6) / 1e10) <= RUPEE / 200 + 1
