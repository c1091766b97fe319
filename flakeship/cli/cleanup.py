"""The commands for what killed runs leave, and for the tools."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from flakeship.cli.options import AS_JSON
from flakeship.operate import actions, doctor, recover
from flakeship.state import stack


@click.command("sweep")
@AS_JSON
@click.option(
    "--before-destroy",
    is_flag=True,
    help="Also tell what a destroy removes; fail where that is protected, or where something of "
    "others would block it.",
)
def remove_orphans(as_json: bool, before_destroy: bool) -> None:
    """Remove orphaned resources and end orphaned processes, which a killed run has left."""
    chosen = stack.selected()
    if before_destroy:
        if text := actions.removal_text(chosen):
            click.echo(text, err=as_json)
        actions.refuse_protected(chosen)
    done = actions.sweep(chosen)
    click.echo(json.dumps(asdict(done)) if as_json else actions.sweep_text(done))
    if before_destroy and done.blocking:
        raise SystemExit(1)


@click.command("recover")
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


@click.command("doctor")
@AS_JSON
def check_tools(as_json: bool) -> None:
    """Show the needed tools, and how to install missing ones.

    Fails where one is missing that every stack needs.
    """
    found = doctor.tools()
    click.echo(json.dumps([asdict(each) for each in found]) if as_json else doctor.text(found))
    if any(each.missing and each.required for each in found):
        raise SystemExit(1)


COMMANDS = (remove_orphans, recover_stack, check_tools)
