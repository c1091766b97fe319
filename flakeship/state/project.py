"""The project's file, Pulumi.yaml: where Pulumi's engine finds Flakeship's provider."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.state.resources import PACKAGE

FILE = "Pulumi.yaml"
PLUGIN = f"pulumi-resource-{PACKAGE}"
USUAL = re.compile(rf"(?m)^[ -]+name: *{PACKAGE} *(#.*)?$")
"""How every template writes it. The project's own name is not indented."""
CHECKOUT, OWN = "flakeship/provider", "provider"
"""The folder of the provider in a checkout of Flakeship, and in a project of one's own."""


def refuse_without_provider(text: str, here: Path) -> None:
    """Refuse the text of a project's file that does not name the provider, unless it is on PATH.

    The engine itself says only that a plugin is missing. An empty text is that of a file that has
    another name. `here` is the project's directory. Raises FlakeshipError (`provider-undeclared`).
    """
    if not text or USUAL.search(text) or PACKAGE in _providers(text) or shutil.which(PLUGIN):
        return
    path = CHECKOUT if (here / CHECKOUT / PLUGIN).is_file() else OWN
    missing = not (here / path / PLUGIN).is_file()
    copy = f", and copy the folder {OWN} of nix/templates/project here" if missing else ""
    raise FlakeshipError(
        "Pulumi is not told where to find the provider of Flakeship's resources",
        code="provider-undeclared",
        key=FILE,
        remedy=f"add these lines{copy}",
        details=["plugins:", "  providers:", f"    - name: {PACKAGE}", f"      path: {path}"],
    )


def _providers(text: str) -> set[str]:
    """The providers that a file names; what Pulumi will not be able to read names all of them."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - for a file of another style

    try:
        plugins = (yaml.safe_load(text) or {}).get("plugins") or {}
        return {str(each["name"]) for each in plugins.get("providers") or ()}
    except (yaml.YAMLError, RecursionError, AttributeError, KeyError, TypeError):
        return {PACKAGE}
