"""Checks of a booted server."""
