"""A process of its own for foreign code: what it may reach, how long it may take, what it said."""
