"""The option chain as of now, and what Black-76 says of an option."""

from __future__ import annotations

import re
from collections.abc import Callable

from tapeback.broker.listings import ListedSymbols
from tapeback.broker.option_desk import (
    MONTHS,
    SPOT_OF,
    Fault,
    OptionDesk,
    Underlying,
)
from tapeback.broker.quotes import QuoteBoard
from tapeback.broker.replies import Reply
from tapeback.market import black76
from tapeback.market.contracts.strikes import moneyness, nearest_strike
from tapeback.market.instruments import INDEX_UNDERLYINGS, expiry_text, symbol_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import DAY_NS, MINUTE_NS, SECOND_NS, date_of_day, midnight

# When options are taken to expire, minutes after midnight, as OpenAlgo's Greeks have it.
_EXPIRES_AT = {"CDS": 750, "BCD": 750, "MCX": 1410}
_USUALLY = 930
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_QUOTED = ("ltp", "open", "high", "low", "prev_close", "volume", "oi")
_SIDES = ("bids", "asks")


class OptionChain:
    """Chains and Greeks of a run's options. An option of which the run has no bars shows zeros."""

    def __init__(
        self, desk: OptionDesk, listed: ListedSymbols, quotes: QuoteBoard, now: Callable[[], int]
    ) -> None:
        self._desk = desk
        self._listed = listed
        self._quotes = quotes
        self._now = now

    def chain(self, underlying: Underlying, count: int | None, greeks: bool) -> Reply | Fault:
        """The chain of one expiry, `count` strikes on either side of the middle one (all where it
        is None)."""
        listed = {side: set(self._desk.strikes(underlying, side)) for side in ("CE", "PE")}
        strikes = sorted(listed["CE"] | listed["PE"])
        if not strikes:
            return self._desk.no_strikes(underlying)
        middle = nearest_strike(strikes, underlying.ltp)
        at = strikes.index(middle)
        first = 0 if count is None else max(0, at - count)
        stop = len(strikes) if count is None else at + count + 1
        forward = self._desk.synthetic(underlying, middle)
        quote = self._quotes.quote(underlying.symbol, underlying.exchange) or {}
        priced = (forward or underlying.ltp) if greeks else None
        rows = [
            self._row(underlying, strike, place - at, listed, priced)
            for place, strike in enumerate(strikes[first:stop], first)
        ]
        return {
            "status": "success",
            "underlying": underlying.base,
            "underlying_symbol": underlying.symbol,
            "underlying_exchange": underlying.exchange,
            "underlying_ltp": underlying.ltp,
            "underlying_prev_close": quote.get("prev_close", 0.0),
            "expiry_date": expiry_text(underlying.expiry),
            "expiry_ts": _expires(underlying.options, underlying.expiry) // SECOND_NS,
            "server_ts": self._now() // SECOND_NS,
            "atm_strike": middle,
            "quotes_included": True,
            "greeks_included": greeks,
            "forward_price": forward,
            "chain": rows,
        }

    def _row(
        self, underlying: Underlying, strike: float, away: int, listed: dict[str, set[float]],
        forward: float | None,
    ) -> Reply:  # fmt: skip
        row: Reply = {"strike": strike}
        for side in ("CE", "PE"):
            leg = None
            if strike in listed[side]:
                leg = self._leg(underlying, strike, side, moneyness(away, side))
                if forward is not None:
                    years = self._years(underlying.options, underlying.expiry)
                    iv, told = _told(side == "CE", forward, strike, years, leg["ltp"], 0.0)
                    leg |= {"iv": iv, **told}
            row[side.lower()] = leg
        return row

    def _leg(self, underlying: Underlying, strike: float, option_type: str, name: str) -> Reply:
        expiry, exchange = underlying.expiry, underlying.options
        symbol = symbol_of(underlying.base, expiry, strike=strike, option_type=option_type)
        book = self._quotes.depth(symbol, exchange)
        instrument = self._listed.instrument(symbol, exchange)
        lot, tick, _ = self._listed.figures(instrument) if instrument is not None else (1, 0.05, 0)
        quote = book or dict.fromkeys(_QUOTED, 0)
        bid, ask = (quote[side][0] if book else {"price": 0, "quantity": 0} for side in _SIDES)
        return {
            "symbol": symbol,
            "label": name,
            "ltp": quote["ltp"],
            "bid": bid["price"],
            "ask": ask["price"],
            "bid_qty": bid["quantity"],
            "ask_qty": ask["quantity"],
            "open": quote["open"],
            "high": quote["high"],
            "low": quote["low"],
            "prev_close": quote["prev_close"],
            "volume": quote["volume"],
            "oi": quote["oi"],
            "lotsize": lot,
            "tick_size": tick,
        }

    def greeks(
        self, option: Instrument, *, forward: float | None, symbol: str | None,
        exchange: str | None, expiry_time: str | None, rate: float,
    ) -> Reply | Fault:  # fmt: skip
        """Volatility and Greeks of one option. The forward is the one that is given, the last
        price of an underlying that is named, or else the synthetic future of its expiry, or the
        spot where that has no price. `rate` is per cent a year, `expiry_time` HH:MM."""
        expiry = option.expiry
        if option.kind != "option" or expiry is None:
            return Fault(400, f"{option.symbol} is no option.")
        clock = None if expiry_time is None else _CLOCK.fullmatch(expiry_time)
        if expiry_time is not None and clock is None:
            return Fault(400, f"Invalid expiry_time {expiry_time}. Use HH:MM.")
        quote = self._quotes.quote(option.symbol, option.exchange)
        price = forward or self._forward(option, symbol, exchange)
        if quote is None or not price:
            what = option.symbol if quote is None else f"the underlying of {option.symbol}"
            return Fault(404, f"Could not fetch LTP of {what}.")
        minutes = None if clock is None else int(clock[1]) * 60 + int(clock[2])
        years = self._years(option.exchange, expiry, minutes)
        if years <= 0:
            return Fault(400, f"Option {option.symbol} has expired.")
        call, premium = option.option_type == "CE", quote["ltp"]
        iv, told = _told(call, price, option.strike, years, premium, rate)
        day = date_of_day(expiry)
        return {
            "days_to_expiry": round(years * black76.DAYS_A_YEAR, 4),
            "exchange": option.exchange,
            "expiry_date": f"{day.day:02}-{MONTHS[day.month - 1].title()}-{day.year}",
            "greeks": told,
            "implied_volatility": iv,
            "interest_rate": rate,
            "option_price": premium,
            "option_type": option.option_type,
            "spot_price": round(price, 2),
            "status": "success",
            "strike": option.strike,
            "symbol": option.symbol,
            "underlying": option.underlying,
        }

    def _forward(self, option: Instrument, symbol: str | None, exchange: str | None) -> float:
        index, cash = SPOT_OF.get(option.exchange, (option.exchange, option.exchange))
        spot = index if option.underlying in INDEX_UNDERLYINGS else cash
        quote = self._quotes.quote(symbol or option.underlying, exchange or spot)
        last: float = quote["ltp"] if quote is not None else 0.0
        if symbol or exchange or option.expiry is None:
            return last
        base = option.underlying
        underlying = Underlying(base, spot, last, base, option.exchange, option.expiry)
        strikes = self._desk.strikes(underlying, "CE")
        middle = nearest_strike(strikes, last or option.strike) if strikes else option.strike
        return self._desk.synthetic(underlying, middle) or last

    def _years(self, exchange: str, expiry: int, minutes: int | None = None) -> float:
        left = _expires(exchange, expiry, minutes) - self._now()
        return left / DAY_NS / black76.DAYS_A_YEAR


def _expires(exchange: str, expiry: int, minutes: int | None = None) -> int:
    if minutes is None:
        minutes = _EXPIRES_AT.get(exchange, _USUALLY)
    return midnight(expiry) + minutes * MINUTE_NS


def _told(
    call: bool, forward: float, strike: float, years: float, premium: float, rate: float
) -> tuple[float, Reply]:
    """Volatility in per cent, and the Greeks. An option that is worth no more than its intrinsic
    worth moves as its underlying does: volatility 0."""
    share = rate / 100
    iv = black76.implied_volatility(call, forward, strike, years, premium, share)
    if iv is None:
        inside = (forward > strike) == call and premium > 0
        delta = (1.0 if call else -1.0) if inside else 0.0
        return 0.0, {"delta": delta, "gamma": 0.0, "rho": 0.0, "theta": 0.0, "vega": 0.0}
    found = black76.greeks(call, forward, strike, years, iv, share)
    return round(iv * 100, 2), {
        "delta": round(found.delta, 4),
        "gamma": round(found.gamma, 6),
        "rho": round(found.rho, 6),
        "theta": round(found.theta, 4),
        "vega": round(found.vega, 4),
    }
