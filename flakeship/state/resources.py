"""The names of resources in a stack, composed and parsed in one place.

A name is `<kind>-<subject>`. Each kind is declared once, here or in the folder of the target that
declares such resources, and is all that anybody knows of the prefix.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of resource, by the prefix of its names."""

    prefix: str

    def name(self, subject: str) -> str:
        """The name of the resource of a subject: a release, a server or a machine."""
        return f"{self.prefix}-{subject}"

    def subject(self, urn: str) -> str | None:
        """The subject of a resource of this kind; None for a resource of another kind."""
        name = urn.rpartition("::")[2]
        return name.removeprefix(f"{self.prefix}-") if name.startswith(f"{self.prefix}-") else None


IMAGE = Kind("image")
"""The build of a release's image; the subject is the release's name."""

VERIFICATION = Kind("verification")
"""The verification of a machine; the subject is the machine's id."""
