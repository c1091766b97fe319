"""Texts in settings: what Pulumi hands over as one, flakes, keys, and paths."""

from __future__ import annotations

import json
import re

from flakeship.model.errors import SettingError
from flakeship.model.fields import wrong
from flakeship.model.stack_name import PART

# text without blanks, quotes and what begins an option
STORE_URL = re.compile(
    r"(?:(?:s3|ssh-ng|ssh|https?)://(?:(?P<user>[^/@\s?#]+)@)?[^-/@\s?#][^@\s#]*|file:///[^\s#]*)"
)
DEEPEST = 16  # lists and objects in each other: the deepest setting has 7


def structured(key: str, text: str) -> object:
    """A list or an object where the text is one; other texts stay what they are."""
    if not text.startswith(("[", "{")):
        return text
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError:
        return text
    except (ValueError, RecursionError):
        found = None
    if found is None or _deeper_than(found, DEEPEST):
        raise SettingError(
            "must not have more than 4300 digits in a number, nor lists and objects in each other "
            f"more than {DEEPEST} deep",
            key=key,
            given=text,
        )
    return found


def _deeper_than(value: object, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for each in level
            if isinstance(each, (list, dict))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return any(isinstance(each, (list, dict)) for each in level)


def reference(value: str) -> str:
    """A flake as Nix takes it on its command line, without an attribute: that is appended.

    Empty: none.
    """
    if value != value.strip() or value.startswith(("-", "~")) or "#" in value:
        allowed = "a directory such as ./servers, or a flake reference such as github:owner/name"
        remedy = "write ~ and # out" if "#" in value or value.startswith("~") else ""
        raise wrong("is no flake", allowed=allowed, remedy=remedy)
    return value


def is_stack_name(value: str) -> bool:
    """Whether it is the name of a stack, alone or as `organization/project/stack`."""
    parts = value.split("/")
    return len(parts) in {1, 3} and all(map(PART.fullmatch, parts))


def stack_name(value: str) -> str:
    """A stack of this project by its name, or of another one in full; empty: none."""
    if value and not is_stack_name(value):
        allowed = "the name of a stack of this project, or organization/project/stack"
        raise wrong("is not the name of a stack", allowed=allowed)
    return value


def nix_store(value: str) -> str:
    """The URL of a Nix store elsewhere, without a secret in it; empty: none."""
    found = STORE_URL.fullmatch(value)
    if value and not found:
        allowed = "s3://, ssh-ng://, ssh://, https://, http:// or file:///, and where it is"
        raise wrong("is no URL of a Nix store", allowed=allowed, hide="@" in value)
    if found and ":" in (found["user"] or ""):
        what, remedy = "has a password", "Nix reads keys and credentials of its own accord"
        raise wrong(what, remedy=remedy, hide=True)
    return value


def hidden_line(value: str) -> str:
    """A public key or a file of them; not repeated, as it may be a private one."""
    line = value.strip()  # a block in YAML ends with a newline
    if not line or not line.isprintable():
        what = "must be one line: a public key, or a file of public keys"
        raise wrong(what, remedy="name the file that ends in .pub", hide=True)
    return line
