"""Reads `iptables-save` and `ip6tables-save`."""

from __future__ import annotations

import shlex

from flakeship.verify.checks.firewall import (
    ALL,
    KNOWN_STATES,
    NONE,
    PROTOCOLS,
    VERDICTS,
    Chain,
    Firewall,
    PortSet,
    Rule,
    Verdict,
)
from flakeship.verify.checks.verdict import unreadable

# options with a value that is no condition
QUIET = {"--comment", "--reject-with", "--log-prefix", "--log-level", "--nflog-prefix"}
# targets after which the next rule decides
PASSING = {"LOG", "NFLOG", "MARK", "CONNMARK", "SET", "AUDIT", "TRACE"}


def firewall(text: str) -> Firewall:
    """The packet filter in the filter table. Raises Failed for unreadable text."""
    try:
        return _firewall(text)
    except ValueError as error:
        raise unreadable("iptables-save", error) from error


def _firewall(text: str) -> Firewall:
    chains: dict[str, Chain] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table != "filter":
            continue
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            chains[name] = Chain(policy == "DROP")
        elif line.startswith("-A "):
            _, name, *words = shlex.split(line)
            if rule := _rule(words):
                chains.setdefault(name, Chain()).rules.append(rule)
    return Firewall(chains, ["INPUT"])


def _rule(words: list[str]) -> Rule | None:
    """The rule of these options; None for a target that decides nothing."""
    ports, always, target = ALL, True, ""
    jump: Verdict = "jump"
    negated = quiet = False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if quiet or word in QUIET:
            quiet = not quiet  # the value may look like an option
        elif word == "!":
            negated, always = True, False
        elif word in ("-j", "-g"):
            target, jump = following, "jump" if word == "-j" else "goto"
        elif word == "-m":
            always &= following == "comment"
        elif word.startswith("-"):
            always = False
            if not negated:
                ports &= _matched(word, following)
            negated = False
    if target in VERDICTS:
        return Rule(VERDICTS[target], ports, always)
    return Rule(jump, ports, always, target) if target and target not in PASSING else None


def _matched(option: str, value: str) -> PortSet:
    """The ports of new packets from other machines that an option's value may match."""
    values = value.split(",")
    if option == "-p" and value not in ("all", "0"):
        return PortSet.span([value])
    if option in ("--dport", "--dports"):
        return PortSet.union(map(_span, values))
    known = option in ("--ctstate", "--state") and set(values) <= KNOWN_STATES
    return NONE if known or (option == "-i" and value == "lo") else ALL


def _span(ports: str) -> PortSet:
    first, colon, last = ports.partition(":")
    low = int(first or 0)
    return PortSet.span(PROTOCOLS, low, int(last or 65535) if colon else low)
