"""The names that stacks may have; nothing slow is imported, as the set-up asks first."""

from __future__ import annotations

import re

# Pulumi allows more: `..`, and what would be an option of a command
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
"""Each part of `organization/project/stack`."""
