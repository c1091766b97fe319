"""Where a clouds.yaml is found: by openstacksdk, and by Pulumi's plugin, which looks less far."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from shlex import quote

from flakeship.model.errors import FlakeshipError

VARIABLE = "OS_CLIENT_CONFIG_FILE"

PLACES = f"{VARIABLE}, ./clouds.yaml, ~/.config/openstack and /etc/openstack"
"""Where both look, for a person."""


def shared(file: str) -> None:
    """Refuse a file that only openstacksdk finds: by HOME, XDG_CONFIG_HOME or another ending.

    The plugin would fail after the preview, without naming the file. Raises FlakeshipError.
    """
    home = pwd.getpwuid(os.getuid()).pw_dir
    directories = (Path.cwd(), Path(home, ".config/openstack"), Path("/etc/openstack"))
    known = [Path(each, "clouds.yaml") for each in directories]
    if given := os.environ.get(VARIABLE):
        known.append(Path(given))
    if Path(file).resolve() not in {each.resolve() for each in known}:
        raise FlakeshipError(
            "Pulumi's plugin does not find this file",
            code="clouds-yaml-not-shared",
            key=file,
            allowed=f"{PLACES}, where ~ is {home}",
            remedy=f"export {VARIABLE}={quote(file)}",
        )
