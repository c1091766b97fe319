"""The options and arguments that several commands have."""

from __future__ import annotations

import click

from flakeship.cli.completion import servers

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
SERVER = click.argument("server", default="", shell_complete=servers)
