"""Small tools on the standard library alone."""
