"""Where a clouds.yaml is found: by openstacksdk, and by Pulumi's plugin, which looks less far."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from shlex import quote

from flakeship.model.errors import FlakeshipError

VARIABLE = "OS_CLIENT_CONFIG_FILE"

PLACES = f"{VARIABLE}, ./clouds.yaml, ~/.config/openstack and /etc/openstack"
"""For a person: what both know."""


def shared(file: str) -> None:
    """Refuse a file that only openstacksdk finds: by HOME, XDG_CONFIG_HOME or another ending.

    The plugin would say that there is no such cloud, after the preview.
    """
    home = pwd.getpwuid(os.getuid()).pw_dir
    directories = (Path.cwd(), Path(home, ".config/openstack"), Path("/etc/openstack"))
    known = [Path(each, "clouds.yaml") for each in directories]
    if given := os.environ.get(VARIABLE):
        known.append(Path(given))
    if Path(file).resolve() not in {each.resolve() for each in known}:
        raise FlakeshipError(
            f"{file}: Pulumi's plugin does not look there, but in {PLACES}, where ~ is {home}: "
            f"export {VARIABLE}={quote(file)}"
        )
