"""Moves a service address between machines: never on two, and back where something fails."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.cutover import former, guest, strays
from flakeship.targets.proxmox.cutover.former import Former
from flakeship.targets.proxmox.requests import ActiveMachine, Cutover, CutoverRequest

log = logging.getLogger(__name__)


def move(request: CutoverRequest, last: Cutover | None) -> None:
    """Bring the service address to the active machine, or take it off where there is none any more.

    It is safe to repeat, and after a kill at any point. Raises FlakeshipError: `address-in-use`,
    `former-machine-unreachable`, those of a login and of guest.py with nothing moved,
    `cutover-failed` with all as before, and `rollback-failed`.
    """
    had = last.service_address if last else ""
    if not (request.service_address or had):
        return
    with ExitStack() as opened:
        if request.service_address:
            _bring(request, last if had else None, opened)
        elif last:
            _take_off(request, last, opened)


def _bring(request: CutoverRequest, last: Cutover | None, opened: ExitStack) -> None:
    address, new = request.service_address, request.active
    shell = opened.enter_context(guest.login(new))
    moves = last is not None and not _same(last.active, new)
    old = former.reach(request, last.active, opened) if last and moves else None
    answer = guest.ask(shell, new.machine, address)
    stray = None
    if answer not in {guest.FREE, guest.HERE, *(old.macs if old else ())}:
        stray = strays.find(request, answer)
        if stray is None:
            active = last.active.machine if last else "no machine"
            raise former.in_use(address, answer, f"nothing was moved, and {active} is active")
    silence = _hand_over(request, last, shell, old, stray)
    before = old.machine.machine if old else ""
    origin = f", from {before}, {silence * 1000:.0f} ms on neither machine" if before else ""
    log.info("%s: %s is on %s%s", request.server, address, new.machine, origin)


def _hand_over(
    request: CutoverRequest,
    last: Cutover | None,
    shell: guest.Shell,
    old: Former | None,
    stray: Former | None,
) -> float:
    """Both machines are prepared, and act back to back: the seconds that it was on neither."""
    leaving = None
    with ExitStack() as prepared:
        words = ("set", request.service_address)
        coming = prepared.enter_context(guest.prepared(shell, request.active.machine, *words))
        if old and old.shell:
            ready = guest.prepared(old.shell, old.machine.machine, "drop")
            leaving = prepared.enter_context(ready)
        try:
            for each in (stray, None if leaving else old):
                if each:
                    each.release(request)
            started = time.monotonic()
            if leaving:
                leaving.go()
            coming.go()
            silence = time.monotonic() - started
            for side in filter(None, (leaving, coming)):
                side.finish()
        except BaseException as error:
            if isinstance(error, FlakeshipError) and error.code == former.UNREACHABLE:
                raise
            prepared.close()  # what undoes it does not wait for what was prepared
            problems = _undo(request, shell, old, last.service_address if last else "")
            if not isinstance(error, FlakeshipError):
                raise
            raise _failure(request, last, error, problems) from error
    return silence


def _take_off(request: CutoverRequest, last: Cutover, opened: ExitStack) -> None:
    if _same(last.active, request.active):
        with guest.login(request.active) as shell:
            guest.drop(shell, request.active.machine)
    else:
        former.reach(request, last.active, opened).release(request)
    log.info("%s: no machine has %s any more", request.server, last.service_address)


def _same(one: ActiveMachine, other: ActiveMachine) -> bool:
    return (one.machine, one.vmid) == (other.machine, other.vmid)


def _undo(
    request: CutoverRequest, shell: guest.Shell, old: Former | None, before: str
) -> list[str]:
    """Bring the address back to where it was; the reasons why that failed."""
    new, problems = request.active.machine, []
    try:
        if before and not old:
            guest.take(shell, new, before)
            return []
        guest.drop(shell, new)
    except FlakeshipError as error:
        problems.append(error.what)
    if old:
        try:
            old.take_back(request, before, certain=not problems)
        except FlakeshipError as error:
            problems.append(error.what)
    return problems


def _failure(
    request: CutoverRequest, last: Cutover | None, error: FlakeshipError, problems: list[str]
) -> FlakeshipError:
    active = last.active.machine if last else "no machine"
    outcome = f"{active} is active as before"
    if problems:
        outcome = f"undoing it failed too, so {active} may not serve: {'; '.join(problems)}"
    return FlakeshipError(
        f"the cutover to {request.active.machine} failed: {error.what}",
        code="rollback-failed" if problems else "cutover-failed",
        key=request.server,
        remedy=error.remedy,
        details=[*error.details, outcome],
    )
