"""The jobs as Tapeback does them."""
