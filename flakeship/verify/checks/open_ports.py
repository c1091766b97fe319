"""The check that just the declared TCP ports are open, seen from outside by a port scan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import ExitStack

from flakeship.model.errors import FlakeshipError
from flakeship.model.ports import SSH, tcp_numbers
from flakeship.verify import port_scan
from flakeship.verify.checks.facts import Facts, Subject
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.port_scan import BlindError, ClosedError, Neighbour, Prober, direct


def check(neighbour: Neighbour | None, restricted: Collection[int], subject: Subject) -> str:
    """Every declared TCP port is open, and no other one.

    `restricted` ports are not open to everybody. A neighbour that cannot scan, or may not, is
    replaced by the workstation: what is wrong with the active machine must not keep its successor
    out.
    """
    why = ""
    if neighbour and not subject.route.serving:
        try:
            return _from_neighbour(neighbour, {*restricted}, subject)
        except (FlakeshipError, BlindError) as error:
            why = f", as {neighbour.endpoint.name} could not scan it: {error}"
    if not subject.route.own:
        raise Failed(f"its ports cannot be scanned from anywhere{why}")
    found = _scan(subject, [direct(subject.route.address)], set())
    return f"{found}; seen from this machine{why}"


def listening(facts: Facts) -> set[int]:
    """The TCP ports with a listener, as the machine itself reports."""
    try:
        return {listener.port for listener in facts.listeners if listener.protocol == "tcp"}
    except Failed:
        return set()


def verdict(opened: set[int], declared: set[int], optional: set[int]) -> str:
    """Just the declared ports are open; an `optional` one may be. Raises Failed."""
    if undeclared := opened - declared:
        raise Failed(f"open, but not declared: tcp {_numbers(undeclared)}")
    if missing := declared - optional - opened:
        raise ClosedError(f"declared, but not open: tcp {_numbers(missing)}")
    others = len({*port_scan.LOW, *port_scan.HIGH} - opened)
    return f"tcp {_numbers(opened)}, and none of {others} others"


def _from_neighbour(neighbour: Neighbour, restricted: set[int], subject: Subject) -> str:
    """What the neighbour sees. It has an inner address: restricted ports may be closed to it."""
    if SSH in restricted:
        raise FlakeshipError(f"tcp {SSH} is not open to everybody")
    with ExitStack() as opened:
        probers = port_scan.through(opened, neighbour)
        found = _scan(subject, probers, restricted)
    but = f" (not expected: tcp {_numbers(restricted)}, restricted)" if restricted else ""
    return f"{found}{but}; seen from {neighbour.endpoint.name}"


def _scan(subject: Subject, probers: Sequence[Prober], restricted: set[int]) -> str:
    """The verdict on what is open to these probers."""
    ports = subject.request.ports
    spans = [port.numbers for port in ports if port.numbers and port.transport == "tcp"]
    ranges = {number for first, last in spans for number in range(first, last + 1)}
    declared = {SSH, *tcp_numbers(ports)}
    optional = restricted | {*tcp_numbers(port for port in ports if port.needs_data)}
    found = port_scan.scan(probers, declared - restricted, lambda: listening(subject.facts()))
    return verdict(found, declared | ranges, optional | (ranges - declared))


def _numbers(ports: set[int]) -> str:
    return ", ".join(map(str, sorted(ports)))
