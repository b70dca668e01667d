"""Markets as facts: candles, sessions, instruments and the rules of Indian exchanges."""
