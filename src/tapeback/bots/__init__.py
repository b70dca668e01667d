"""Running a bot's own script over history: virtual time, and the end of a run."""
