"""What becomes of contracts and shares without a trade: expiry and corporate actions."""
