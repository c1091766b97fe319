"""The commands for what made a release, what is in it, and who signs that."""

from __future__ import annotations

from pathlib import Path

import click

from flakeship.cli.completion import release_names
from flakeship.cli.options import KEY, key_file
from flakeship.operate import provenance
from flakeship.state import stack
from flakeship.system import files

RELEASE = click.argument("release", shell_complete=release_names)
OUTPUT = click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A file instead of standard output.",
)


@click.command("provenance")
@RELEASE
@OUTPUT
@click.option("--signed", is_flag=True, help="In a DSSE envelope with its signatures.")
@click.pass_obj
def show_provenance(here: Path, release: str, output: Path | None, signed: bool) -> None:
    """Show what a release was made of: an in-toto statement with SLSA provenance.

    It is made of the record in the stack's ledger, and is what `flakeship sign` signs.
    """
    selected = stack.selected()
    shown = (provenance.signed if signed else provenance.show)(selected, release)
    write(shown, here, output)


@click.command("sbom")
@RELEASE
@OUTPUT
@click.option("--signed", is_flag=True, help="In a DSSE envelope, signed by the key.")
@KEY
@click.pass_obj
def show_sbom(here: Path, release: str, output: Path | None, signed: bool, key: Path) -> None:
    """List what a release's system has in it, in CycloneDX's format.

    It is the runtime closure of the system, which must be in the Nix store here.
    """
    from flakeship.operate import sbom  # noqa: PLC0415 - CycloneDX's library takes time

    selected = stack.selected()
    file = key_file(here, key)
    write(
        sbom.signed(selected, release, file) if signed else sbom.show(selected, release),
        here,
        output,
    )


@click.command("sign")
@RELEASE
@click.option(
    "--statement",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path),
    help="What you have read and sign: the output of `flakeship provenance`.",
)
@KEY
@click.pass_obj
def sign_release(here: Path, release: str, statement: Path, key: Path) -> None:
    """Sign the provenance of a release in this stack, for gates that ask for signers.

    Refused unless the stack's state still says the same, byte for byte.
    """
    file = here / statement.expanduser()
    made = provenance.sign(stack.selected(), release, key_file(here, key), file)
    click.echo(f"the provenance of {made.release} in the stack {made.stack} is signed; sha512:")
    click.echo(f"{made.statement}  {statement}")
    for each in made.files:
        click.echo(f"{each.sha512}  {each.path}")


def write(text: str, here: Path, output: Path | None) -> None:
    """Write a text to a file of the user's, or to standard output."""
    if output is None:
        click.echo(text)
    else:
        files.write((here / output).resolve(), text)  # its sha512 is that of what is signed


COMMANDS = (show_provenance, show_sbom, sign_release)
