"""The settings that only the target `local` has."""

from __future__ import annotations

from flakeship.config.settings import TargetOptions


class LocalOptions(TargetOptions):
    """The block `flakeship:local`."""

    workstation_access: bool = False
    """Whether machines reach the workstation's own services. With `true`, its 127.0.0.1 answers at
    the gateway of their network, 10.x.y.2, and they have IPv6. A change makes new machines."""
