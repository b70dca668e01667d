"""Figures as an Indian reader writes them: rupees and counts grouped as 12,34,567."""

from __future__ import annotations


def grouped(count: int) -> str:
    """A whole number with Indian grouping: `12,34,567`."""
    sign, digits = ("-" if count < 0 else ""), str(abs(count))
    head, tail = digits[:-3], digits[-3:]
    parts = [tail]
    while head:
        parts.append(head[-2:])
        head = head[:-2]
    return sign + ",".join(reversed(parts))


def rupees(amount: float) -> str:
    """An amount to the paisa: `₹12,34,567.89`, `-₹500.00`."""
    whole, _, paise = f"{abs(amount):.2f}".partition(".")
    text = f"₹{grouped(int(whole))}.{paise}"
    return f"-{text}" if amount < 0 and text != "₹0.00" else text


def percent(value: float, digits: int = 2) -> str:
    """A percent number with its sign: `+1.20 %`, `-0.35 %`, `0.00 %`."""
    text = f"{value:+.{digits}f}"
    return f"{text[1:] if float(text) == 0 else text} %"
