"""Servers in Nova, and their verification."""
