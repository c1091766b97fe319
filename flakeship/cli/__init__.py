"""The command `flakeship`: what users do with a stack that exists."""

from __future__ import annotations

import os
from pathlib import Path

import click

from flakeship import __version__
from flakeship.cli import cleanup, environments, images, provenance, servers
from flakeship.cli.completion import choose
from flakeship.model.errors import FlakeshipError
from flakeship.system import log
from flakeship.system.interrupt import INTERRUPTED, install_signal_handlers

EXIT_CODES = """
Exit codes: 0 done, 1 a failure that is described on standard error, 2 wrong usage, 130 interrupted.
"""


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


for each in (
    *servers.COMMANDS,
    *images.COMMANDS,
    *environments.COMMANDS,
    *provenance.COMMANDS,
    *cleanup.COMMANDS,
):
    commands.add_command(each)


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
