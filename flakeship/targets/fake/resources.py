"""The kinds of resources that the target declares, by the prefix of their names."""

from __future__ import annotations

from flakeship.state.resources import Kind

IMAGE = Kind("published")
"""The publication of a release's image; the subject is the release's name."""

MACHINE = Kind("machine")
"""A machine; the subject is its id."""

CUTOVER = Kind("cutover")
"""What moves a server's address to its active machine; the subject is the server's name."""
