"""Commands as root on a machine."""

from __future__ import annotations

import shlex


def as_root(command: str, *, or_as_user: bool = False) -> str:
    """A command line for any login shell that runs a command as root, without a password.

    NixOS has sudo where a login that runs one command does not look. With `or_as_user` the command
    runs as the user where sudo refuses, which leaves standard input as it is.
    """
    script = f"PATH=$PATH:/run/wrappers/bin; sudo -n {command}"
    return f"sh -c {shlex.quote(f'{script} || {command}' if or_as_user else script)}"
