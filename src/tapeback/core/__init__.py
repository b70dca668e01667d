"""The simulation: pure code that knows no files, no network and no clock but the market's."""
