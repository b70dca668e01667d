"""The simulated OpenAlgo broker: its rules, its replies and its in-process client."""
