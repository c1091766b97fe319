"""The names of the target's resources in a stack."""

from flakeship.state.resources import Kind

DISK = Kind("disk")
"""A data disk; the subject is `<server>.<disk>`."""

MACHINE = Kind("machine")
"""A QEMU machine; the subject is its id."""

CUTOVER = Kind("cutover")
"""What moves a server's name, ports and data disks; the subject is the server's name."""
