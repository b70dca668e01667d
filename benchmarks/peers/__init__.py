"""The jobs as other engines do them, each in an environment of its own."""
