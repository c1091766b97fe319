"""Where Pulumi keeps stacks, and the passphrase that encrypts each one's secrets."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from dev.setup import paths
from dev.setup.progress import say
from flakeship.state import choice
from flakeship.system.files import refuse_links, write

EMBEDDED = "dev"
"""The stack whose Pulumi.dev.yaml is committed."""
PASSPHRASES = ("*/.state/stacks/*/passphrase", "*/dev/public-passphrase")
"""The files of passphrases that a set-up makes or has, in this checkout and in any other."""


@dataclass(frozen=True)
class Backend:
    """A Pulumi backend and why it is this one. With no `url` it is the user's own."""

    url: str
    why: str


def user_home(env: Mapping[str, str]) -> Path:
    """Where the user's own Pulumi keeps logins and plugins."""
    home = env.get("PULUMI_HOME", "")
    return Path(home) if home and not paths.is_ours(home) else Path.home() / ".pulumi"


def login(env: Mapping[str, str]) -> str:
    """The backend that the user has logged in to; empty without one."""
    folder = Path(env.get("PULUMI_CREDENTIALS_PATH") or user_home(env))
    try:
        stored = json.loads((folder / "credentials.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(stored.get("current") or "") if isinstance(stored, dict) else ""


def backend(env: Mapping[str, str]) -> Backend:
    """Choose the backend: the user's own where there is one, else a folder of this checkout."""
    own = paths.BACKEND.as_uri()
    named = env.get("PULUMI_BACKEND_URL", "")
    if named and choice.checkout_of(named) is None:
        return Backend("", "yours: PULUMI_BACKEND_URL is set")
    if env.get("PULUMI_ACCESS_TOKEN"):
        return Backend("", "yours: PULUMI_ACCESS_TOKEN is set")
    if where := login(env):
        from flakeship.system.redaction import redacted  # noqa: PLC0415 - `make` asks each time

        return Backend("", f"yours: logged in to {redacted(where)}")
    return Backend(
        own, "a folder of this checkout, because there is no login and no PULUMI_BACKEND_URL"
    )


def folder(stack: str) -> Path:
    """The folder of one stack's passphrase and environment; a name may be `org/project/stack`.

    Raises FlakeshipError where it is no name of a stack.
    """
    return paths.STACKS / choice.own_name(stack, "STACK")


def passphrase(stack: str, chosen: Backend, env: Mapping[str, str]) -> Path | None:
    """The file of a stack's passphrase; None where the user's own environment has it.

    That of the embedded stack is public, as the salt in its committed file belongs to it. A stack
    in a backend of the user's has no passphrase of ours, unless this checkout made it before.
    """
    if stack.rpartition("/")[2] == EMBEDDED:
        return paths.PUBLIC_PASSPHRASE
    own = folder(stack) / "passphrase"
    return own if own.exists() or (chosen.url and not own_passphrase(env)) else None


def missing(stack: str, chosen: Backend, env: Mapping[str, str]) -> list[Path]:
    """List what belongs into .state for a stack and is not there."""
    wanted = [paths.BACKEND] if chosen.url else []
    wanted += [file] if (file := passphrase(stack, chosen, env)) else []
    return [path for path in wanted if not path.exists()]


def ensure(stack: str, chosen: Backend, env: Mapping[str, str]) -> None:
    """Make what a stack is missing in .state, readable for its owner alone."""
    for private in (paths.STATE, paths.STACKS, folder(stack)):
        refuse_links(private)
        private.mkdir(mode=0o700, exist_ok=True)
    if chosen.url:
        paths.BACKEND.mkdir(mode=0o700, exist_ok=True)
    file = passphrase(stack, chosen, env)
    if file and not file.exists():
        refuse_links(file)
        say(f"passphrase: making {paths.short(file)} for the secrets of the stack {stack}")
        write(file, secrets.token_urlsafe(32) + "\n")


def own_passphrase(env: Mapping[str, str]) -> bool:
    """Whether the user has set a passphrase for the secrets of stacks."""
    file = env.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")
    ours = any(fnmatch(file, pattern) for pattern in PASSPHRASES)
    return "PULUMI_CONFIG_PASSPHRASE" in env or (file != "" and not ours)
