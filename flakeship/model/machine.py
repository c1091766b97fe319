"""The identity of a machine: another release or shape is another one (decision 0002)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from flakeship.model.release import Release

SERVER = r"[a-z][a-z0-9-]{0,39}"
PATTERN = rf"^({SERVER})-([0-9a-z]{{1,8}})-([0-9a-z]{{1,4}})$"
ServerName = Annotated[str, Field(pattern=rf"^{SERVER}$")]
MachineName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


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
        """The identity behind a machine's name; of no server where the text is no such name.

        Server names may have dashes, the rest has none.
        """
        found = re.fullmatch(PATTERN, text)
        return cls(*found.groups()) if found else cls("", "", "")

    def runs(self, release: Release) -> bool:
        """Whether it is a machine of a release."""
        return bool(self.release) and release.name == f"{release.host}-{self.release}"

    def __str__(self) -> str:
        return f"{self.server}-{self.release}-{self.shape}"
