"""The identity of a machine: another release or shape is another one (decision 0002)."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.model.release import Release


@dataclass(frozen=True)
class MachineId:
    """`<server>-<8 characters of the release's hash>-<4 of the shape's>`, unique in a stack."""

    server: str
    release: str
    shape: str

    @classmethod
    def of(cls, server: str, release: Release, shape: str) -> MachineId:
        """The machine of a server that runs a release."""
        return cls(server, release.name.removeprefix(f"{release.host}-"), shape)

    @classmethod
    def parse(cls, text: str) -> MachineId:
        """The identity behind a machine's name; server names may have dashes, the rest has none."""
        server, release, shape = text.rsplit("-", 2)
        return cls(server, release, shape)

    def __str__(self) -> str:
        return f"{self.server}-{self.release}-{self.shape}"
