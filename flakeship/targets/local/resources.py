"""The kinds of resources that this target declares beside images and verifications."""

from __future__ import annotations

from flakeship.state.resources import Kind

DATA_DISK = Kind("disk")
"""A data disk; the subject is `<server>.<disk>`: no name has a dot, so no two are the same."""

MACHINE = Kind("machine")
"""A machine; the subject is its id."""

CUTOVER = Kind("cutover")
"""The cutover of a server; the subject is the server's name."""
