"""The command `flakeship`: what users do with a stack that exists."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from flakeship import __version__
from flakeship.model.errors import FlakeshipError
from flakeship.operate import (
    actions,
    authorized,
    diff,
    doctor,
    export,
    promote,
    recover,
    releases,
    statements,
    status,
)
from flakeship.ssh import keys
from flakeship.state import environments, stack
from flakeship.state.outputs import StackOutputs
from flakeship.system import log
from flakeship.system.interrupt import INTERRUPTED, install_signal_handlers

EXIT_CODES = """
Exit codes: 0 done, 1 a failure that is described on standard error, 2 wrong usage, 130 interrupted.
"""
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES)
@click.version_option(__version__)
@click.option(
    "-s", "--stack", "name", metavar="NAME", help="The stack, instead of the selected one."
)
@click.option("-v", "--verbose", is_flag=True, help="Log commands and calls, with their times.")
@click.pass_context
def commands(context: click.Context, name: str | None, verbose: bool) -> None:
    """From a Nix flake to verified, running NixOS servers.

    `pulumi preview`, `pulumi up` and `pulumi destroy` plan, deploy and remove a stack; these
    commands look after one. Completion: eval "$(_FLAKESHIP_COMPLETE=bash_source flakeship)", or
    zsh_source, fish_source.
    """
    log.configure(verbose=verbose)
    context.obj = Path.cwd()  # where files of the user's are
    choose(name)


def choose(name: str | None) -> None:
    """Work in the project's directory, which Pulumi looks for upwards, and on a named stack."""
    here = Path.cwd()
    projects = (each for each in (here, *here.parents) if (each / "Pulumi.yaml").is_file())
    os.chdir(next(projects, here))
    if name:
        os.environ["PULUMI_STACK"] = name


def servers(context: click.Context, _parameter: object, start: str) -> list[str]:
    """The names of the stack's servers, for completion."""
    return completed(context, start, lambda outputs: outputs.servers)


def release_names(context: click.Context, _parameter: object, start: str) -> list[str]:
    """The names in the stack's ledger, for completion."""
    return completed(context, start, lambda outputs: [each.name for each in outputs.ledger])


def completed(
    context: click.Context, start: str, names: Callable[[StackOutputs], Iterable[str]]
) -> list[str]:
    """The names that begin like that; none where the stack cannot be read."""
    # what the group does: it is not run for a completion
    choose(context.parent.params.get("name") if context.parent else None)
    try:
        return [name for name in names(stack.selected().outputs) if name.startswith(start)]
    except (FlakeshipError, OSError):
        return []


SERVER = click.argument("server", default="", shell_complete=servers)


@commands.command("status")
@AS_JSON
def show_status(as_json: bool) -> None:
    """Show releases, servers, how to log in, and the evidence."""
    selected = stack.selected()
    click.echo(json.dumps(status.plain(selected)) if as_json else status.status(selected))


@commands.command("releases")
@AS_JSON
def show_releases(as_json: bool) -> None:
    """Show the ledgers of all stacks side by side.

    Of each release: where it is live, on standby or kept, since when, and how many checks passed.
    """
    found = environments.read_all()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    shown = releases.text(found, datetime.now(UTC), width)
    click.echo(json.dumps(releases.plain(found)) if as_json else shown)


@commands.command("report")
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


@commands.command("ssh")
@SERVER
def log_in(server: str) -> None:
    """Log in to a server, or to a machine by its id."""
    argv = list(actions.login(stack.selected(), server))
    sys.stdout.flush()
    # ssh runs a ProxyCommand by the user's shell, and its words are quoted for this one
    env = os.environ | {"SHELL": "/bin/sh"}
    os.execvpe(argv[0], argv, env)  # noqa: S606 - an argv, and no shell


@commands.command("keys")
@AS_JSON
def show_keys(as_json: bool) -> None:
    """Show who can log in: the authorized keys of each release, and which of them are here."""
    found = authorized.keys(stack.selected())
    click.echo(json.dumps([asdict(each) for each in found]) if as_json else authorized.text(found))


@commands.command("verify")
@SERVER
@AS_JSON
def verify_again(server: str, as_json: bool) -> None:
    """Run the checks of running servers once more; nothing changes."""
    done = actions.verify(stack.selected(), server)
    click.echo(
        json.dumps([asdict(each) for each in done]) if as_json else actions.verify_text(done)
    )


@commands.command("restore")
@click.argument("server", shell_complete=servers)
@click.argument("disk")
@click.argument("snapshot")
@click.confirmation_option(prompt="What is on the disk now is kept as another snapshot. Continue?")
def restore_snapshot(server: str, disk: str, snapshot: str) -> None:
    """Give a data disk of SERVER the content of a snapshot.

    `flakeship status` lists the snapshots. The disk is detached meanwhile, and checked afterwards.
    """
    actions.restore(stack.selected(), server, disk, snapshot)


@commands.command("diff")
@click.argument("from_", metavar="[FROM]", default="", shell_complete=release_names)
@click.argument("to", default="", shell_complete=release_names)
def show_diff(from_: str, to: str) -> None:
    """Show what changes inside, from release FROM to TO.

    Without FROM it is what runs, without TO what the flake has now.
    """
    click.echo(diff.diff(stack.selected(), from_, to))


@commands.command("export")
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


@commands.command("sweep")
@AS_JSON
@click.option(
    "--before-destroy",
    is_flag=True,
    help="Also tell what a destroy removes; fail where something of others would block it.",
)
def remove_orphans(as_json: bool, before_destroy: bool) -> None:
    """Remove orphaned resources and end orphaned processes, which a killed run has left."""
    chosen = stack.selected()
    if before_destroy and (text := actions.removal_text(chosen)):
        click.echo(text, err=as_json)
    done = actions.sweep(chosen)
    click.echo(json.dumps(asdict(done)) if as_json else actions.sweep_text(done))
    if before_destroy and done.blocking:
        raise SystemExit(1)


@commands.command("recover")
@AS_JSON
@click.option(
    "--break-lock",
    is_flag=True,
    help="Also remove a lock whose owner cannot be seen from here: that of another host, or one "
    "that names no owner. If that run lives after all, two runs write one state.",
)
def recover_stack(as_json: bool, break_lock: bool) -> None:
    """Clear away what a killed run has left, so that `pulumi up` continues.

    Ends its plugins and commands, removes its lock, clears its pending operations and sweeps.
    Refuses while the run lives.
    """
    done = recover.recover(stack.selected(), break_lock=break_lock)
    click.echo(json.dumps(asdict(done)) if as_json else recover.text(done))


@commands.command("promote")
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


@commands.command("revoke")
@click.argument("release", shell_complete=releases)
@click.option("--why", required=True, metavar="TEXT", help="What is wrong with it, for everybody.")
def revoke_release(release: str, why: str) -> None:
    """Let no stack of the project take a release of this one any more.

    Stacks that run it tell so in every preview.
    """
    made = statements.revoke(stack.selected(), release, why)
    click.echo(f"{made.release} is revoked: no stack takes it any more")


@commands.command("approve")
@click.argument("release")
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    default=keys.OWN_KEY,
    show_default=True,
    metavar="FILE",
    help="The key that signs: a private key file, or the .pub of one that the agent has.",
)
@click.pass_context
def approve_release(context: click.Context, release: str, key: Path) -> None:
    """Approve a release of the stack before for this one, where its gate asks for approvers."""
    file = key if key == keys.OWN_KEY else Path(context.obj, key.expanduser())
    made = statements.approve(stack.selected(), release, file)
    click.echo(f"{made.release} is approved for the stack {made.stack}")


@commands.command("doctor")
@AS_JSON
def check_tools(as_json: bool) -> None:
    """Show the needed tools, and how to install missing ones.

    Fails where one is missing that every stack needs.
    """
    found = doctor.tools()
    click.echo(json.dumps([asdict(each) for each in found]) if as_json else doctor.text(found))
    if any(each.missing and each.required for each in found):
        raise SystemExit(1)


def main() -> int:
    """Run the command line; failures are one message on standard error. The exit code."""
    os.umask(0o077)  # keys, and files with addresses, are for their owner alone
    install_signal_handlers()
    try:
        commands.main(prog_name="flakeship", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (FlakeshipError, OSError) as error:
        log.failure(error)
        click.echo(str(error), err=True)
        return 1
    except (KeyboardInterrupt, click.Abort) as error:
        if isinstance(error, click.Abort) and not error.__cause__:  # click's, of an interruption
            click.echo("not confirmed: nothing was changed", err=True)
            return 1
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except SystemExit as done:
        return int(done.code or 0)
    return 0
