"""How fast Tapeback and other engines do the same jobs, and whether their results agree."""
