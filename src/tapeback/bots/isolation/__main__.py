"""`python -m tapeback.bots.isolation`: the inner side of a cell; a `Cell` starts it."""

from __future__ import annotations

from tapeback.bots.isolation.inside import serve

serve()
