"""Which stack a run is about: the names that stacks may have, and whose backend they are in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flakeship.model.errors import FlakeshipError
from flakeship.model.stack_name import PART

MOST_PARTS = 3  # organization/project/stack
RESERVED = frozenset(
    {
        *("backend", "checkout.id", "env.sh", "env.new", "id_ed25519", "id_ed25519.pub"),
        *("passphrase", "plugins.json", "roots", "setup.json", "stacks", "tmp"),
    }
)
"""What else is in .state, where each stack has a folder of its own name."""
BACKEND = "/.state/backend"


def own_name(stack: str, key: str = "stack") -> str:
    """The last part of a stack's name, which may be `organization/project/stack`.

    Raises FlakeshipError (`stack-name-invalid`) where it cannot name a folder in .state.
    """
    parts = stack.split("/")
    if len(parts) > MOST_PARTS or not all(map(PART.fullmatch, parts)):
        raise FlakeshipError(
            "is not the name of a stack",
            code="stack-name-invalid",
            key=key,
            given=stack,
            allowed="up to 100 letters, digits, dots, dashes and underscores, first no dot or dash",
        )
    if parts[-1] in RESERVED:
        raise FlakeshipError(
            "a stack cannot have the name of a file in .state",
            code="stack-name-invalid",
            key=key,
            given=stack,
            allowed=f"any but {', '.join(sorted(RESERVED))}",
        )
    return parts[-1]


def refuse_other_checkout(env: Mapping[str, str], here: Path) -> None:
    """Refuse to act on the stacks of another checkout of this project, for which a shell was made.

    `here` is the project's directory. Raises FlakeshipError (`other-checkout`).
    """
    url = env.get("PULUMI_BACKEND_URL", "")
    other = checkout_of(url)
    if other is None or other.resolve() == here.resolve() or project(other) != project(here):
        return
    raise FlakeshipError(
        f"this shell is prepared for another checkout, {other}, and would act on its stacks",
        code="other-checkout",
        key="PULUMI_BACKEND_URL",
        given=url,
        remedy='run `eval "$(make env)"` here, or open another shell',
    )


def checkout_of(url: str) -> Path | None:
    """The checkout whose own backend a URL is; None for a backend of the user's."""
    if not url.startswith("file://") or not url.endswith(BACKEND):
        return None
    return Path(unquote(urlsplit(url).path.removesuffix(BACKEND)) or "/")


def project(directory: Path) -> str:
    """The name of the project in a directory; empty where there is none."""
    try:
        found = re.search(r"(?m)^name:\s*(\S+)", (directory / "Pulumi.yaml").read_text())
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1].strip("\"'") if found else ""
