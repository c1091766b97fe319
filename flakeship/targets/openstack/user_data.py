"""User data of servers: a text, or the content of a file that the settings name."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path

from flakeship.model.errors import SettingError
from flakeship.targets.openstack.settings import CloudSettings

ENCODED = 65535  # characters of base64 that Nova takes: maxLength in its schema of a server
LARGEST = ENCODED // 4 * 3  # bytes before the encoding


def read(settings: CloudSettings) -> Mapping[str, str]:
    """What each file has that user data names: its text, or base64 of what is no text.

    The provider takes base64 as it is, so compressed data works too. Raises SettingError, which
    never repeats the data.
    """
    found = {}
    for server in settings.servers:
        given, key = (
            server.options.user_data,
            f"flakeship:servers[{server.name}].openstack.userData",
        )
        if is_file(given):
            found[given] = _content(given, key)
        elif given:
            check(given, key)
    return found


def is_file(given: str) -> bool:
    """Whether a setting names a file."""
    return given.startswith(("./", "/", "~")) and "\n" not in given


def check(text: str, key: str, given: str = "") -> None:
    """Refuse what Nova would refuse, with the data in its answer. Raises SettingError."""
    size = len(text) if _encoded(text) else -(-len(text.encode()) // 3) * 4
    if size > ENCODED:
        raise SettingError(
            "Nova takes less user data",
            code="user-data-too-long",
            key=key,
            given=f"{given} with {len(text.encode())} bytes".strip(),
            allowed=f"up to {LARGEST} bytes, which are {ENCODED} characters of base64",
            remedy="let it fetch the rest, or put that into the image; cloud-init takes gzip too",
        )


def _content(given: str, key: str) -> str:
    try:
        path = Path(given).expanduser()
        with path.open("rb") as file:
            data = file.read(ENCODED + 1)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        missing = isinstance(error, FileNotFoundError)
        raise SettingError(
            "this file does not exist" if missing else f"this file cannot be read: {reason}",
            code="file-missing" if missing else "file-unreadable",
            key=key,
            given=given[:80],
        ) from error
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = base64.b64encode(data).decode()
    check(text, key, given[:80])
    return text


def _encoded(text: str) -> bool:
    """Whether the provider takes a text as base64 already."""
    try:
        return bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return False
