"""The commands for the servers of a stack."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from flakeship.cli.completion import servers
from flakeship.cli.options import AS_JSON, SERVER
from flakeship.operate import actions, authorized, status
from flakeship.state import stack


@click.command("status")
@AS_JSON
def show_status(as_json: bool) -> None:
    """Show releases, servers, how to log in, and the evidence."""
    selected = stack.selected()
    click.echo(json.dumps(status.plain(selected)) if as_json else status.status(selected))


@click.command("ssh")
@SERVER
def log_in(server: str) -> None:
    """Log in to a server, or to a machine by its id."""
    argv = list(actions.login(stack.selected(), server))
    sys.stdout.flush()
    # ssh runs a ProxyCommand by the user's shell, and its words are quoted for this one
    env = os.environ | {"SHELL": "/bin/sh"}
    os.execvpe(argv[0], argv, env)  # noqa: S606 - an argv, and no shell


@click.command("keys")
@AS_JSON
def show_keys(as_json: bool) -> None:
    """Show who can log in: the authorized keys of each release, and which of them are here."""
    found = authorized.keys(stack.selected())
    click.echo(json.dumps([asdict(each) for each in found]) if as_json else authorized.text(found))


@click.command("verify")
@SERVER
@AS_JSON
def verify_again(server: str, as_json: bool) -> None:
    """Run the checks of running servers once more; nothing changes."""
    done = actions.verify(stack.selected(), server)
    click.echo(
        json.dumps([asdict(each) for each in done]) if as_json else actions.verify_text(done)
    )


@click.command("restore")
@click.argument("server", shell_complete=servers)
@click.argument("disk")
@click.argument("snapshot")
@click.confirmation_option(prompt="What is on the disk now is kept as another snapshot. Continue?")
def restore_snapshot(server: str, disk: str, snapshot: str) -> None:
    """Give a data disk of SERVER the content of a snapshot.

    `flakeship status` lists the snapshots. The disk is detached meanwhile, and checked afterwards.
    """
    actions.restore(stack.selected(), server, disk, snapshot)


COMMANDS = (show_status, log_in, show_keys, verify_again, restore_snapshot)
