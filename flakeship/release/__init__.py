"""Where wanted releases come from."""
