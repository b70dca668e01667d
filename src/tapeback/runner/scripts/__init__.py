"""Scripts: the file that somebody trades live, played over history on a clock of its own."""

from __future__ import annotations

from tapeback.runner.scripts.runs import Script, ScriptOutcome, run_script

__all__ = ["Script", "ScriptOutcome", "run_script"]
