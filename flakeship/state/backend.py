"""The folder that a backend of Pulumi's is. `make` asks each time, so nothing slow is imported."""

from __future__ import annotations

import os

SCHEME = "file://"
LOCKS = ".pulumi/locks"  # the folder, in that of the backend, of the locks of all stacks


def folder(url: str) -> str | None:
    """The folder that the URL of a backend names, as Pulumi reads it; None for another kind."""
    if not url.startswith(SCHEME):
        return None
    path = url.removeprefix(SCHEME).partition("?")[0]
    if "%" in path:
        from urllib.parse import unquote  # noqa: PLC0415

        path = unquote(path)
    if path.startswith("~"):
        return f"{os.path.expanduser('~')}/{path[2:]}"  # noqa: PTH111
    return path
