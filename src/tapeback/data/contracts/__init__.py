"""Option and future contracts of the past: their names, files, boards and continuous series."""
