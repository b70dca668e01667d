"""What a user should know of a bot: before a run, from its source, and after it."""
