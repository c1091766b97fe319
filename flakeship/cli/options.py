"""The options and arguments that several commands have."""

from __future__ import annotations

from pathlib import Path

import click

from flakeship.cli.completion import servers
from flakeship.ssh import keys
from flakeship.system.files import expanded

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
SERVER = click.argument("server", default="", shell_complete=servers)
KEY = click.option(
    "--key",
    type=click.Path(path_type=Path),
    default=keys.OWN_KEY,
    show_default=True,
    metavar="FILE",
    help="The key that signs: a private key file, or the .pub of one that the agent has.",
)


def key_file(here: Path, given: Path) -> Path:
    """The file of KEY: the default is in the project, any other in the user's directory."""
    return given if given == keys.OWN_KEY else here / expanded(given)
