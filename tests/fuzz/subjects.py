"""Everything that is tried."""

from __future__ import annotations

from tests.fuzz import guest, manifests, settings, stacks, state_files

SUBJECTS = [
    *settings.subjects(),
    *manifests.subjects(),
    *stacks.subjects(),
    *state_files.subjects(),
    *guest.subjects(),
]
