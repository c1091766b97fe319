"""`flakeship ssh`, `verify`, `restore` and `sweep`: what a stack's target does for its users."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from flakeship.config.target import DEFAULT
from flakeship.model.errors import FlakeshipError, did_you_mean
from flakeship.model.evidence import table
from flakeship.nix import store
from flakeship.operate import plugins
from flakeship.release import access
from flakeship.rollout import protection
from flakeship.rollout.summary import Summary
from flakeship.state.outputs import newer, refuse_older
from flakeship.state.resources import IMAGE, VERIFICATION
from flakeship.state.stack import Stack, named, selected, setting, without_pending
from flakeship.system import temporary
from flakeship.system.files import tidy
from flakeship.targets import registry
from flakeship.targets.base import Operator, SweepResult, Verified

log = logging.getLogger(__name__)


def operator(stack: Stack) -> Operator:
    """That of the target that a stack was last deployed to or, before its first run, is set to."""
    outputs = stack.outputs
    target = outputs.target
    if not target:
        target = setting(stack, "target") or DEFAULT
    elif target not in registry.names():
        raise newer(stack.name, outputs.version, f"which has no target {target}")
    return registry.spec(target).operator(stack)


def login(stack: Stack, name: str = "") -> Sequence[str]:
    """The argv that logs in to a server or a machine, by its id; without a name to the only one."""
    servers = stack.outputs.servers
    if not (servers or name):
        raise nothing_verified(stack)
    if not name and len(servers) > 1:
        raise FlakeshipError(
            "the stack has several servers",
            code="server-ambiguous",
            key=f"stack {stack.name}",
            allowed=", ".join(servers),
            remedy="name one of them",
        )
    name = name or next(iter(servers))
    argv = operator(stack).login(name)
    if argv is None:
        raise unknown_server(stack, name) if servers else nothing_verified(stack)
    machine = servers[name].machine if name in servers else name
    if text := access.missing_key(stack.outputs, machine, argv):
        log.warning(text)
    return argv


def restore(stack: Stack, server: str, disk: str, snapshot: str) -> None:
    """Give a server's data disk the content of a snapshot."""
    refuse_older(stack.outputs, stack.name)
    if server not in stack.outputs.servers:
        raise unknown_server(stack, server)
    operator(stack).restore(server, disk, snapshot)


def verify(stack: Stack, server: str = "") -> Sequence[Verified]:
    """Verify every machine that has been verified, or those of one server, or one by its id.

    The pinned host keys hold. Raises FlakeshipError with the report of each machine that fails.
    """
    refuse_older(stack.outputs, stack.name)
    if not stack.outputs.running:
        raise nothing_verified(stack)
    if server and server not in stack.outputs.servers and server not in stack.of(VERIFICATION):
        raise unknown_server(stack, server)
    done = operator(stack).verify(server)
    if not done:
        raise nothing_verified(stack)
    return done


def verify_text(done: Sequence[Verified]) -> str:
    """The tables of all, for a person."""
    lines = []
    for each in done:
        lines += ["", each.machine, *([f"  {each.note}"] if each.note else []), *table(each.checks)]
    return "\n".join(lines)


def removal_text(stack: Stack) -> str:
    """What a destroy does to the servers, and which data is lost; empty where there are none."""
    if not stack.resources:
        return ""
    operator(stack).refuse_elsewhere()
    told = Summary(operator(stack).removal()).planned
    return f"a destroy of the stack {stack.name} removes all of it:\n{told}" if told else ""


def refuse_protected(stack: Stack) -> None:
    """Refuse a destroy of what is protected, before Pulumi does. Raises FlakeshipError."""
    if found := [each.urn for each in stack.resources if each.protected]:
        raise FlakeshipError(
            "a destroy is refused, because resources are protected: "
            + ", ".join(map(named, found)),
            code="stack-protected",
            key=f"stack {stack.name}",
            remedy="to lift it, run `pulumi config set flakeship:protect false` and `pulumi up`, "
            "or for one resource, and for one that is no longer declared",
            details=protection.unprotect(found),
        )


def sweep(stack: Stack) -> SweepResult:
    """Remove what certainly nobody uses: of the target, and GC roots of releases without image.

    Processes of a run whose engine was killed are ended first, because they still act. Data disks
    stay: they may hold what nobody has elsewhere. Raises LockedError while a run is under way,
    whose resources the state does not have yet.
    """
    operator(stack).refuse_elsewhere()
    removed = plugins.end_orphaned(stack.name)
    stack = without_pending(selected())  # anew: a run may have ended meanwhile
    found = operator(stack).sweep()
    removed += found.removed
    known = stack.of(IMAGE)
    roots = Path(".state", stack.name, "roots")
    for link in sorted(roots.glob("*")):
        if link.name.removesuffix("-drv").removesuffix("-toplevel") not in known:
            store.drop(str(link))
            removed.append(f"GC root {link.name}")
    tidy(roots)
    removed += temporary.remove_abandoned()
    return SweepResult(removed, found.left, found.blocking)


def sweep_text(result: SweepResult) -> str:
    """What was done, for a person."""
    lines = [f"removed {', '.join(result.removed)}"] if result.removed else []
    blocking = ["in the way of a destroy; these commands remove it:"] if result.blocking else []
    blocking += [f"  {line}" for line in result.blocking]
    return "\n".join([*lines, *result.left, *blocking]) or "no orphaned resources"


def unknown_server(stack: Stack, name: str) -> FlakeshipError:
    """The stack has no server, and no machine, of that name."""
    servers = stack.outputs.servers
    return FlakeshipError(
        "there is no such server",
        code="server-unknown",
        key=name,
        allowed=", ".join(servers),
        remedy=did_you_mean(name, servers),
    )


def nothing_verified(stack: Stack) -> FlakeshipError:
    """The stack has no verified release yet."""
    return FlakeshipError(
        "nothing is verified yet",
        code="nothing-verified",
        key=f"stack {stack.name}",
        remedy="Run `pulumi up`",
    )
