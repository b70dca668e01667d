"""Facts and their shapes: no I/O, no behaviour beyond reading themselves."""
