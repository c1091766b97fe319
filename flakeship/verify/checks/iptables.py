"""Reads `iptables-save` and `ip6tables-save`."""

from __future__ import annotations

import shlex

from flakeship.model.text import rows
from flakeship.verify.checks.firewall import Firewall
from flakeship.verify.checks.port_sets import NONE, PROTOCOLS, PortSet
from flakeship.verify.checks.rules import (
    KNOWN_STATES,
    PASSING,
    VERDICTS,
    Arrival,
    Chain,
    Match,
    Rule,
    Verdict,
)
from flakeship.verify.checks.verdict import unreadable

# options with a value that is no condition
QUIET = {"--comment", "--reject-with", "--log-prefix", "--log-level", "--nflog-prefix"}
# matches that have no condition of their own, beside their options
PLAIN = {"comment", "tcp", "udp", "multiport", "conntrack", "state"}
BASES = {"filter": "INPUT", "nat": "PREROUTING"}


def firewall(text: str, arrival: Arrival | None = None) -> Firewall:
    """The packet filter, and the translation of ports before it. Raises Failed if unreadable."""
    chains: dict[str, Chain] = {}
    table = ""
    for line in rows(text):
        try:
            if line.startswith("*"):
                table = line[1:].strip()
            elif table in BASES and line.startswith(":"):
                name, policy = line[1:].split()[:2]
                chains[f"{table} {name}"] = Chain(policy == "DROP")
            elif table in BASES and line.startswith("-A "):
                _, name, *words = shlex.split(line)
                if rule := _rule(words, table, line, arrival or Arrival()):
                    chains.setdefault(f"{table} {name}", Chain()).rules.append(rule)
            elif line and line != "COMMIT" and not line.startswith(("#", ":", "-A ")):
                raise ValueError("iptables writes no such line")  # noqa: TRY301
        except ValueError as error:
            raise unreadable("iptables-save", f"{line[:80]!r}: {error}") from error
    bases = [f"{table} {name}" for table, name in BASES.items()]
    return Firewall(chains, bases[:1], bases[1:] if bases[1] in chains else [])


def _rule(words: list[str], table: str, line: str, arrival: Arrival) -> Rule | None:
    """The rule of these options; None for a target that decides nothing."""
    match, target = Match(exact=True), ""
    jump: Verdict = "jump"
    negated = quiet = False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if quiet or word in QUIET:
            quiet = not quiet  # the value may look like an option
        elif word == "!":
            negated = True
        elif word in ("-j", "-g"):
            target, jump = following, "jump" if word == "-j" else "goto"
        elif word == "-m":
            match &= Match(exact=following in PLAIN)
        elif word.startswith("-"):
            match &= _matched(word, following, arrival, negated=negated)
            negated = False
    if target in VERDICTS:
        return Rule(VERDICTS[target], match, source=f"`{line}`")
    if not target or target in PASSING:
        return None
    return Rule(jump, match, f"{table} {target}", f"`{line}`")


def _matched(option: str, value: str, arrival: Arrival, *, negated: bool) -> Match:
    """What the condition of an option matches."""
    found, values = Match(), value.split(",")
    match option:
        case "-p" if value not in ("all", "0"):
            found = Match(PortSet.span([value]), exact=True)
        case "-p":
            found = Match(exact=True)
        case "--dport" | "--dports":
            found = Match(PortSet.union(map(_span, values)), exact=True)
        case "-i":
            found = arrival.by(value)
        case "-d":
            found = arrival.to(value)
        case "--ctstate" | "--state" if {*values} <= KNOWN_STATES:
            found = Match(NONE, exact=True)
    return found.negated() if negated else found


def _span(ports: str) -> PortSet:
    first, colon, last = ports.partition(":")
    low = int(first or 0)
    return PortSet.span(PROTOCOLS, low, int(last or 65535) if colon else low)
