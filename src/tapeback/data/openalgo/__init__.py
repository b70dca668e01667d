"""Market data from an OpenAlgo server over HTTP."""
