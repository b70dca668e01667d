"""The parts of a charge: levies, plans, rates, contract notes."""
