"""Where Pulumi keeps stacks, and the secrets of this checkout."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dev.setup import paths
from dev.setup.progress import say


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
    """Tell where the user has logged in to, if anywhere."""
    folder = Path(env.get("PULUMI_CREDENTIALS_PATH") or user_home(env))
    try:
        kept = json.loads((folder / "credentials.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(kept.get("current") or "") if isinstance(kept, dict) else ""


def backend(env: Mapping[str, str]) -> Backend:
    """Choose the backend: the user's own where there is one, else a folder of this checkout."""
    own = paths.BACKEND.as_uri()
    named = env.get("PULUMI_BACKEND_URL", "")
    if named not in {"", own}:
        return Backend("", "yours: PULUMI_BACKEND_URL is set")
    if env.get("PULUMI_ACCESS_TOKEN"):
        return Backend("", "yours: PULUMI_ACCESS_TOKEN is set")
    if where := login(env):
        return Backend("", f"yours: logged in to {where}")
    return Backend(
        own, "a folder of this checkout, because there is no login and no PULUMI_BACKEND_URL"
    )


def missing(chosen: Backend) -> list[Path]:
    """List what belongs into .state and is not there."""
    wanted = [paths.BACKEND, paths.PASSPHRASE] if chosen.url else []
    return [path for path in wanted if not path.exists()]


def ensure(chosen: Backend) -> None:
    """Make what is missing in .state, readable for its owner alone."""
    paths.STATE.mkdir(mode=0o700, exist_ok=True)
    if not chosen.url:
        return
    paths.BACKEND.mkdir(mode=0o700, exist_ok=True)
    if not paths.PASSPHRASE.exists():
        say(f"passphrase: making {paths.short(paths.PASSPHRASE)} for the secrets of local stacks")
        fresh = paths.PASSPHRASE.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        fresh.replace(paths.PASSPHRASE)


def own_passphrase(env: Mapping[str, str]) -> bool:
    """Whether the user has set a passphrase for the secrets of stacks."""
    file = env.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")
    return "PULUMI_CONFIG_PASSPHRASE" in env or file not in {"", str(paths.PASSPHRASE)}
