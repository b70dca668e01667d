"""When exchanges trade: regular hours and the days that differ."""
