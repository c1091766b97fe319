"""Keeps secrets out of stacks whose passphrase is public: it declares itself, by `public:`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system.files import read


def refuse_public(stack: str, secrets: Sequence[str], file: Path, env: Mapping[str, str]) -> None:
    """Refuse what would be secret; `file` is the stack's, `env` what Pulumi was started with."""
    if secrets and is_public(file, env):
        raise FlakeshipError(
            "the passphrase of this stack is public, so it cannot protect secrets",
            code="passphrase-public",
            key=f"stack {stack}",
            given=" and ".join(secrets),
            remedy="use another stack: `make up STACK=<name>` creates a passphrase of its own",
        )


def is_public(file: Path, env: Mapping[str, str]) -> bool:
    """Whether a stack's secrets are encrypted with a public passphrase.

    Pulumi writes a salt into the stack's file where a passphrase encrypts, and none where a service
    does. A file that does not exist (--config-file names another) is assumed to have one.
    """
    if not passphrase(env).startswith("public:"):
        return False
    return not file.exists() or bool(re.search(r"(?m)^encryptionsalt\s*:", read(file)))


def passphrase(env: Mapping[str, str]) -> str:
    """The passphrase that Pulumi takes from its environment; empty where it has none."""
    if "PULUMI_CONFIG_PASSPHRASE" in env:
        return env["PULUMI_CONFIG_PASSPHRASE"]
    try:
        return Path(env.get("PULUMI_CONFIG_PASSPHRASE_FILE", "")).read_text(errors="replace")
    except OSError:
        return ""
