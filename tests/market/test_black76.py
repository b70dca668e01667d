"""Black's model: recorded answers, parity, and Greeks as differences of prices."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tapeback.market.black76 import greeks, implied_volatility, price

forwards = st.floats(50, 60_000)
ratios = st.floats(0.7, 1.4)
terms = st.floats(1 / 365, 1.0)
volatilities = st.floats(0.05, 1.0)
rates = st.floats(0.0, 0.1)
sides = st.booleans()


def test_the_answer_that_openalgo_documents() -> None:
    """NIFTY25NOV2526000CE at 435 with 28.5071 days left, forward 25966.05, rate 0."""
    years = 28.5071 / 365
    iv = implied_volatility(True, 25966.05, 26000.0, years, 435.0)
    assert iv is not None
    assert round(iv * 100, 1) == 15.6
    found = greeks(True, 25966.05, 26000.0, years, iv)
    assert found.delta == pytest.approx(0.4967, abs=1e-4)
    assert found.gamma == pytest.approx(0.000352, abs=1e-6)
    assert found.theta == pytest.approx(-7.919, abs=5e-3)
    assert found.vega == pytest.approx(28.9489, abs=1e-3)
    assert found.rho == pytest.approx(9.733994, abs=1e-2)


@given(forwards, ratios, terms, volatilities, rates)
def test_put_call_parity(
    forward: float, ratio: float, years: float, iv: float, rate: float
) -> None:
    strike = forward * ratio
    gap = price(True, forward, strike, years, iv, rate) - price(
        False, forward, strike, years, iv, rate
    )
    assert gap == pytest.approx(exp(-rate * years) * (forward - strike), abs=1e-6 * forward)


@given(sides, forwards, ratios, terms, volatilities, rates)
def test_the_volatility_comes_back(
    call: bool, forward: float, ratio: float, years: float, iv: float, rate: float
) -> None:
    strike = forward * ratio
    premium = price(call, forward, strike, years, iv, rate)
    # Where the premium hardly depends on it, nothing can tell the volatility.
    assume(greeks(call, forward, strike, years, iv, rate).vega > forward * 1e-6)
    assume(premium > price(call, forward, strike, years, 0.0, rate) + forward * 1e-9)
    found = implied_volatility(call, forward, strike, years, premium, rate)
    assert found == pytest.approx(iv, abs=1e-4)


@given(sides, forwards, ratios, st.floats(10 / 365, 1.0), st.floats(0.1, 0.8), rates)
def test_greeks_are_differences_of_prices(
    call: bool, forward: float, ratio: float, years: float, iv: float, rate: float
) -> None:
    strike = forward * ratio
    found = greeks(call, forward, strike, years, iv, rate)

    def worth(f: float = forward, t: float = years, v: float = iv, r: float = rate) -> float:
        return price(call, f, strike, t, v, r)

    h = forward * 1e-4
    scale = forward * 1e-5
    assert found.delta == pytest.approx((worth(forward + h) - worth(forward - h)) / 2 / h, abs=1e-4)
    second = (worth(forward + h) - 2 * worth() + worth(forward - h)) / h**2
    assert found.gamma * forward == pytest.approx(second * forward, rel=1e-2, abs=1e-3)
    vega = (worth(v=iv + 1e-4) - worth(v=iv - 1e-4)) / 2e-4 / 100
    assert found.vega == pytest.approx(vega, abs=scale)
    day = 1e-4
    theta = (worth(t=years - day) - worth(t=years + day)) / 2 / day / 365
    assert found.theta == pytest.approx(theta, abs=scale)
    # With the spot held, the forward moves as exp(rate * years).
    spot = forward * exp(-rate * years)
    step = 1e-5
    up = worth(f=spot * exp((rate + step) * years), r=rate + step)
    down = worth(f=spot * exp((rate - step) * years), r=rate - step)
    assert found.rho == pytest.approx((up - down) / 2 / step / 100, abs=scale)


@pytest.mark.parametrize(
    ("premium", "years"), [(0.0, 0.1), (500.0, 0.1), (450.0, 0.1), (501.0, 0.0), (99_999.0, 0.1)]
)
def test_no_volatility_explains_some_premiums(premium: float, years: float) -> None:
    assert implied_volatility(True, 25_500.0, 25_000.0, years, premium) is None


def test_without_time_an_option_is_worth_its_intrinsic_value() -> None:
    assert price(True, 110.0, 100.0, 0.0, 0.2) == 10.0
    assert price(False, 110.0, 100.0, 0.0, 0.2) == 0.0
