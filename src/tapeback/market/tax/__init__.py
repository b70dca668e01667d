"""An estimate of the income tax of a run."""
