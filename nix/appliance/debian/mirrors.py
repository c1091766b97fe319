"""Which Debian mirrors to ask, in which order, and how."""

import os
import re
import socket
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from http.client import HTTPException
from pathlib import Path

from package import ArchiveError

PUBLIC = "http://deb.debian.org/debian"
SNAPSHOT = "https://snapshot.debian.org/archive/debian"
TIMEOUT = 30


class GoneError(ArchiveError):
    """The server says that it has no such file."""


class NoSuchHostError(ArchiveError):
    """Nobody here knows the server's name."""


def mirrors(apt: Path = Path("/etc/apt")) -> list[str]:
    """FLAKESHIP_DEBIAN_MIRROR alone, or else the mirrors apt uses here and the public one."""
    if override := os.environ.get("FLAKESHIP_DEBIAN_MIRROR"):
        return [override.rstrip("/")]
    found: list[str] = []
    files = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in files:
        if file.suffix in {".list", ".sources"} and file.is_file():
            text = re.sub(r"#.*", "", file.read_text())
            found += re.findall(r"https?://[^\s\]]+/debian(?=/?\s)", text)
    return list(dict.fromkeys([*found, PUBLIC]))


def snapshot(date: datetime) -> str:
    """The archive as it was a day after this release: it has what the mirrors have dropped."""
    base = os.environ.get("FLAKESHIP_DEBIAN_SNAPSHOT", SNAPSHOT).rstrip("/")
    return f"{base}/{date + timedelta(days=1):%Y%m%dT%H%M%SZ}"


def get(url: str) -> bytes:
    """What is at this address; the caller checks it."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:  # noqa: S310
            data = answer.read()
            assert isinstance(data, bytes)
            return data
    except urllib.error.HTTPError as error:
        error.close()
        kind = GoneError if error.code in (404, 410) else ArchiveError
        raise kind(f"{url}: HTTP {error.code}") from error
    except (OSError, ValueError, HTTPException) as error:
        unknown = isinstance(getattr(error, "reason", None), socket.gaierror)
        raise (NoSuchHostError if unknown else ArchiveError)(f"{url}: {error}") from error
