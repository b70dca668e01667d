"""How fast Tapeback and other engines do the same jobs, and whether they come to the same result."""
