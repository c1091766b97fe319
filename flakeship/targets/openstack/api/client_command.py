"""Command lines of the client `openstack`, for messages."""

from __future__ import annotations


def client(cloud: str, words: str) -> str:
    """The client's `words` for a cloud; one that the shell has chosen needs no name."""
    return f"openstack {f'--os-cloud {cloud} ' if cloud else ''}{words}"
