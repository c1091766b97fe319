"""References of flakes, as far as they name something on this machine; Nix resolves all others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

PLAIN = re.compile(r"[A-Za-z0-9/._~+-]*")
"""What means the same in a path and in a URL."""
LOCAL_URL = re.compile(r"(path|git\+file):(?://)?([^/?#][^?#]*|/[^?#]*)(?:\?(.*))?", re.DOTALL)


@dataclass(frozen=True)
class FlakeReference:
    """`directory` is what a path or a local URL names; None for a flake elsewhere.

    `scheme` is `path` or `git+file`; empty for a bare path, which is `git+file` in a repository.
    `query` has the parameters: `dir` is the folder of flake.nix below the directory.
    """

    text: str
    directory: Path | None = None
    scheme: str = ""
    query: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> FlakeReference:
        """As Nix reads it, but that `?dir=` holds for a bare path too; raises nothing."""
        if text.startswith((".", "/")):
            # a directory of that very name comes first: `?` may be part of it
            path, _, query = (text, "", "") if is_file(text, "flake.nix") else _parted(text)
            return cls(text, Path(path), "", _pairs(query))
        if found := LOCAL_URL.fullmatch(text):
            return cls(text, Path(unquote(found[2])), found[1], _pairs(found[3] or ""))
        return cls(text)

    @property
    def parameters(self) -> dict[str, str]:
        """The query by names."""
        return dict(self.query)

    @property
    def folder(self) -> Path | None:
        """Where flake.nix is in the working tree; None where Nix takes it from elsewhere."""
        if self.directory is None or self.parameters.keys() & {"rev", "ref"}:
            return None
        return self.directory / self.parameters.get("dir", "").lstrip("/")

    @property
    def is_directory(self) -> bool:
        """Whether it looks like a name in Nix' registry, and is a directory here."""
        return self.directory is None and _is_dir(Path(self.text.partition("?")[0]))

    @property
    def url(self) -> str:
        """What to hand to Nix: percent-encoded where the text is a path that needs it.

        Nix would search upwards from a bare path for a flake.nix, and refuses `dir` in its query.
        """
        if self.directory is None or self.scheme == "path" or not _is_dir(self.directory):
            return self.text
        directory = self.directory.resolve()
        if self.scheme:
            return _url("git+file", directory, dict(self.query))
        if not self.query and PLAIN.fullmatch(str(directory)):
            return self.text
        root = next(
            (each for each in (directory, *directory.parents) if (each / ".git").exists()), None
        )
        if root is None:
            return _url("path", directory, dict(self.query))
        below = Path(directory.relative_to(root), self.parameters.get("dir", "").lstrip("/"))
        query = dict(self.query) | ({} if below == Path() else {"dir": str(below)})
        if (root / ".git" / "shallow").exists():
            query |= {"shallow": "1"}  # as Nix does for a bare path
        return _url("git+file", root, query)


def is_file(*parts: str) -> bool:
    """Whether there is such a file; never where the path is too long or none at all.

    A leading `~` is a home; that of an unknown user is none.
    """
    try:
        return Path(*parts).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def path_url(directory: Path) -> str:
    """The reference of a directory as it is, whatever git has of it."""
    return _url("path", directory.resolve(), {})


def _parted(text: str) -> tuple[str, str, str]:
    before, mark, query = text.rpartition("?")
    return (before, mark, query) if mark else (query, "", "")


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(query, keep_blank_values=True))


def _url(scheme: str, path: Path, query: dict[str, str]) -> str:
    slashes = "//" if scheme == "git+file" else ""
    parameters = f"?{urlencode(query, quote_via=quote, safe='/')}" if query else ""
    return f"{scheme}:{slashes}{quote(str(path), safe='/')}{parameters}"
