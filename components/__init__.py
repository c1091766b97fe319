"""Pulumi resources only: no subprocess, no file and no network access."""
