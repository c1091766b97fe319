"""Nix, by its command line."""
