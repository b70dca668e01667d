"""Where market data comes from: providers, files, synthetic bars, and what is wrong with them."""
