"""The commands for what is in a release."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from flakeship.cli.completion import release_names
from flakeship.cli.options import AS_JSON
from flakeship.operate import diff, export
from flakeship.state import stack


@click.command("diff")
@click.argument("from_", metavar="[FROM]", default="", shell_complete=release_names)
@click.argument("to", default="", shell_complete=release_names)
def show_diff(from_: str, to: str) -> None:
    """Show what changes inside, from release FROM to TO.

    Without FROM it is what runs, without TO what the flake has now.
    """
    click.echo(diff.diff(stack.selected(), from_, to))


@click.command("export")
@click.argument("host", default="")
@click.option(
    "--format",
    "kind",
    type=click.Choice(export.FORMATS),
    required=True,
    help="The image format; vma is an archive that Proxmox VE restores.",
)
@click.option("--variant", default="", help="One of several variants that have this format.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    help="A directory for a copy, named after the release.",
)
@AS_JSON
@click.pass_obj
def export_image(  # noqa: PLR0917 - the options of the command
    here: Path, host: str, kind: str, variant: str, to: Path | None, as_json: bool
) -> None:
    """Build a host's image in another format, and show where the file is.

    HOST is one of the stack's flake, by default the stack's own. Nothing of it is verified, or part
    of the stack. Without --to the file stays in the Nix store, until the next sweep at least.
    """
    folder = here / to if to else None
    done = export.export(stack.selected(), host, kind, variant, folder)
    click.echo(json.dumps(asdict(done)) if as_json else export.text(done))


COMMANDS = (show_diff, export_image)
