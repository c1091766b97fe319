"""The commands for releases on their way through the stacks of a project."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from flakeship.cli.completion import release_names
from flakeship.cli.options import AS_JSON, KEY, key_file
from flakeship.operate import promote, releases, rollback, statements
from flakeship.state import environments, stack


@click.command("releases")
@AS_JSON
def show_releases(as_json: bool) -> None:
    """Show the ledgers of all stacks side by side.

    Of each release: where it is live, on standby or kept, since when, and how many checks passed.
    """
    found = environments.read_all()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    shown = releases.text(found, datetime.now(UTC), width)
    click.echo(json.dumps(releases.plain(found)) if as_json else shown)


@click.command("report")
@click.option(
    "-o", "--output", metavar="FILE", default="", help="The page; by default .state/report.html."
)
@click.pass_context
def write_report(context: click.Context, output: str) -> None:
    """Write a page about all stacks: their releases, evidence, changes and servers.

    It is one HTML file, which loads nothing from elsewhere.
    """
    from flakeship.operate.report import write  # noqa: PLC0415 - the templates' library takes time

    file = Path(context.obj, output).resolve() if output else write.DEFAULT
    click.echo(write.write(environments.read_all(), file))


@click.command("promote")
@click.option("--from", "upstream", default="", metavar="STACK", help="What the settings must say.")
@click.option("--yes", is_flag=True, help="Do not show the changes and ask.")
@click.argument("options", nargs=-1, metavar="[-- PULUMI_OPTIONS]")
def promote_releases(upstream: str, yes: bool, options: tuple[str, ...]) -> None:
    """Take what the stack before has verified: `pulumi up` of a stack with promoteFrom.

    Options of `pulumi up` come after `--`, such as `-- --policy-pack policy`.
    """
    selected = stack.selected()
    argv = promote.command(selected, upstream, options, yes=yes)
    env = os.environ | promote.expected(selected)
    sys.stdout.flush()
    os.execvpe(argv[0], argv, env)  # noqa: S606 - an argv, and no shell


@click.command("rollback")
@click.option(
    "--to",
    "release",
    default="",
    metavar="RELEASE",
    shell_complete=release_names,
    help="One of the ledger; by default the one that was verified before what runs.",
)
@click.option("--yes", is_flag=True, help="Do not show the changes and ask.")
@click.argument("options", nargs=-1, metavar="[-- PULUMI_OPTIONS]")
def roll_back(release: str, yes: bool, options: tuple[str, ...]) -> None:
    """Go back to an older release, which is flakeship:release from then on.

    Options of `pulumi up` come after `--`.
    """
    selected = stack.selected()
    chosen = rollback.choose(selected, release)
    code = rollback.roll_back(selected, chosen, options, yes=yes)
    if code:
        raise SystemExit(code)
    click.echo(
        f"{chosen.name} stays until `pulumi config rm {rollback.KEY} --stack {selected.name}`"
    )


@click.command("revoke")
@click.argument("release", shell_complete=release_names)
@click.option("--why", required=True, metavar="TEXT", help="What is wrong with it, for everybody.")
def revoke_release(release: str, why: str) -> None:
    """Let no stack of the project take a release of this one any more.

    Stacks that run it tell so in every preview.
    """
    made = statements.revoke(stack.selected(), release, why)
    click.echo(f"{made.release} is revoked: no stack takes it any more")


@click.command("approve")
@click.argument("release")
@KEY
@click.pass_obj
def approve_release(here: Path, release: str, key: Path) -> None:
    """Approve a release of the stack before for this one, where its gate asks for approvers."""
    made = statements.approve(stack.selected(), release, key_file(here, key))
    click.echo(f"{made.release} is approved for the stack {made.stack}; sha512 of its files:")
    click.echo("\n".join(made.sha512))


COMMANDS = (
    show_releases,
    write_report,
    promote_releases,
    roll_back,
    revoke_release,
    approve_release,
)
