"""Calls of a cloud's services."""
