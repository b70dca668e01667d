"""`python -m tapeback`: the command line."""

from __future__ import annotations

from tapeback.cli import main

if __name__ == "__main__":
    main(prog_name="tapeback")
