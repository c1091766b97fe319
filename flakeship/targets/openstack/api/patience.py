"""A line for whoever waits for a cloud."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

log = logging.getLogger(__name__)

TOLD = 10.0  # seconds after which a person is told


@dataclass
class Wait:
    """One wait, from now on: a person is told once, when it takes long."""

    began: float = field(default_factory=time.monotonic)
    told: bool = False

    def tell(self, what: str, reason: str, left: float) -> None:
        """Log what is waited for, and why; `left` is for how many seconds at the most."""
        told = not self.told and time.monotonic() - self.began >= TOLD
        self.told = self.told or told
        level = logging.WARNING if told else logging.DEBUG
        log.log(level, "%s: %s; trying again for %.0f s", what, reason, left)
