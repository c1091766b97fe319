"""Processes of a run whose engine was killed: they live on for minutes, and hold the terminal.

The engine starts a language host, which runs the program, and plugins, which run our commands. Each
has the engine's address among its words, so that one whose engine is gone is certain. Our provider
has forked a server, and that one process for each operation, with the same words.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from pathlib import Path

from flakeship.state import choice
from flakeship.system import processes
from flakeship.system.processes import Process
from flakeship.system.tcp import LOOPBACK

PLUGIN = re.compile(r"pulumi-(language|resource)-[a-z0-9-]+")
ADDRESS = re.compile(r"127\.0\.0\.1:(\d{1,5})")
COMMAND = ("-m", "flakeship", "internal")  # the words of an internal command, but for its name
PROVIDER = ("-m", "flakeship.provider")  # the words of our own plugin, but for the address
STARTED = "PULUMI_PROJECT"  # a variable that the engine gives plugins, and they their commands
CHOSEN = ("PULUMI_STACK", "FLAKESHIP_STACK")  # variables that may name the stack of a run
SECONDS = 10.0  # that a command has to undo what it has begun


def end_orphaned(stack: str) -> list[str]:
    """End the processes of this user and checkout whose engine is gone; what was ended.

    Those of a run that lives are spared, and those that another stack was chosen for.
    """
    found = orphaned(stack, Path.cwd(), processes.of_this_user())
    names = [described(each) for each in found]
    # a command or an operation undoes what it has begun, and its plugin still listens to it
    parents = {each.parent for each in found}
    for group in ([each for each in found if each.pid not in parents], found):
        processes.end(group, SECONDS)
    return names


def orphaned(stack: str, project: Path, all_processes: Iterable[Process]) -> list[Process]:
    """The processes whose engine is gone, in the directory of a project."""
    own = {each.pid: each for each in all_processes if each.directory == project.resolve()}
    plugins = {pid for pid, each in own.items() if is_plugin(each)}
    left = {pid for pid in plugins if engine_is_gone(own[pid])}
    left |= {
        pid
        for pid, each in own.items()
        if is_command(each) and (each.parent in left or each.parent not in plugins)
    }
    return [own[pid] for pid in sorted(left) if may_be_of(own[pid], stack)]


def is_plugin(process: Process) -> bool:
    """Whether it is a plugin, or a program's launcher, that an engine has started."""
    return bool(plugin_name(process) and ports(process))


def plugin_name(process: Process) -> str:
    """`pulumi-resource-command`; empty for any other process."""
    if tuple(process.words[1:3]) == PROVIDER:
        return "pulumi-resource-flakeship"
    # a script's name comes after that of its interpreter
    names = (Path(word).name for word in process.words[:3])
    return next(filter(PLUGIN.fullmatch, names), "")


def is_command(process: Process) -> bool:
    """Whether it is an internal command that a plugin has started."""
    return tuple(process.words[1:4]) == COMMAND and STARTED in process.environment


def ports(process: Process) -> list[int]:
    """The ports of the engine, from the words of a plugin."""
    words = (ADDRESS.fullmatch(word) for word in process.words)
    return [int(found[1]) for found in words if found]


def engine_is_gone(plugin: Process) -> bool:
    """Whether a plugin's engine certainly does not run any more."""
    here = (processes.PROC / "self/ns/net").readlink()
    return plugin.network == here and not any(map(answers, ports(plugin)))


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this workstation."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except ConnectionRefusedError:
        return False
    except (OSError, OverflowError):
        return True  # nothing that proves the opposite


def may_be_of(process: Process, stack: str) -> bool:
    """Whether no other stack was chosen for a process; one that is selected is in no variable."""
    environment = process.environment
    named = [environment[name] for name in CHOSEN if environment.get(name)]
    return not named or named[0].rpartition("/")[2] == choice.own_name(stack)


def described(process: Process) -> str:
    """`process 4711 (pulumi-resource-command)`."""
    command = " ".join(process.words[2:5]) if is_command(process) else ""
    return f"process {process.pid} ({command or plugin_name(process) or process.name})"
