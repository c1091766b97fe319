"""An artifact: the files of a built release."""

from __future__ import annotations

from dataclasses import dataclass

from flakeship.model.errors import FlakeshipError


@dataclass(frozen=True)
class File:
    """One file: its path in the store, its size in bytes and its sha512 in hexadecimal."""

    path: str
    size: int
    sha512: str


@dataclass(frozen=True)
class Artifact:
    """The files of a release in the order of its manifest.

    `disk` is the virtual size of the disk in them in MiB, rounded up; 0 where there is no disk or
    its size is unknown.
    """

    files: tuple[File, ...]
    disk: int = 0

    @property
    def image(self) -> File:
        """The one file. Raises FlakeshipError where the artifact has several."""
        if len(self.files) != 1:
            names = ", ".join(file.path for file in self.files)
            raise FlakeshipError(f"the release has {len(self.files)} files, not one image: {names}")
        return self.files[0]
