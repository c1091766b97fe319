"""The error of a step that needs an image's file, which is not on this workstation."""

from __future__ import annotations

from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.nix import store
from flakeship.nix.image_file import STORE
from flakeship.state.resources import IMAGE


def image_gone(file: Path, key: str) -> FlakeshipError:
    """The error, with what brings the file back; `key` is what is to be made of it.

    A plan has refused this already, unless the state has a build of the release that nobody has
    verified: by another workstation, or one whose output was removed since.
    """
    output = STORE / file.relative_to(STORE).parts[0] if file.is_relative_to(STORE) else file
    return FlakeshipError(
        f"{file} is not in the Nix store of this workstation, or is empty",
        code="image-file-missing",
        key=key,
        remedy=f"{store.bring_back(str(output))}. If no server has run it yet, `pulumi up "
        f"--replace '**::{IMAGE.name(f'*-{output.name[:8]}')}'` builds it anew",
    )
