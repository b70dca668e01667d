"""Strategies: the native base class, adapters for live bots, and where to find them."""
