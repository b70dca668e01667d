"""A finished run for others to read: as one JSON document, as files, and as a summary in words."""
