"""What an instrument is on a day: lots, ticks, bands, expiries, listings."""
