"""Reads `iptables-save` and `ip6tables-save`."""

from __future__ import annotations

import shlex

from flakeship.verify.checks.firewall import (
    ALL,
    NONE,
    PROTOCOLS,
    Chain,
    Firewall,
    PortSet,
    Rule,
    Verdict,
)
from flakeship.verify.checks.verdict import Failed

QUIET = {"--comment", "--reject-with", "--log-prefix", "--log-level", "--nflog-prefix"}
"""Options with a value that is no condition."""

VERDICTS: dict[str, Verdict] = {
    "ACCEPT": "accept",
    "DROP": "deny",
    "REJECT": "deny",
    "RETURN": "return",
}
PASSING = {"LOG", "NFLOG", "MARK", "CONNMARK", "SET", "AUDIT", "TRACE"}
"""Targets after which the next rule decides."""

KNOWN_STATES = {"ESTABLISHED", "RELATED", "INVALID"}
"""The states of a connection that no new packet has."""

NUMBERS = {"6": "tcp", "17": "udp"}


def firewall(text: str) -> Firewall:
    """The packet filter in the filter table. Raises Failed for unreadable text."""
    try:
        return _firewall(text)
    except ValueError as error:
        raise Failed(f"`iptables-save` cannot be read: {error}") from error


def _firewall(text: str) -> Firewall:
    rules: dict[str, list[Rule]] = {}
    denying: set[str] = set()
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif table != "filter":
            continue
        elif line.startswith(":"):
            name, policy = line[1:].split()[:2]
            rules[name] = []
            if policy == "DROP":
                denying.add(name)
        elif line.startswith("-A "):
            _, name, *words = shlex.split(line)
            rule = _rule(words)
            if rule:
                rules.setdefault(name, []).append(rule)
    chains = {name: Chain(found, name in denying) for name, found in rules.items()}
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
    if option == "-p":
        return ALL if value in ("all", "0") else PortSet.span([NUMBERS.get(value, value)])
    if option in ("--dport", "--dports"):
        ports = NONE
        for part in value.split(","):
            first, colon, last = part.partition(":")
            low = int(first or 0)
            ports |= PortSet.span(PROTOCOLS, low, int(last or 65535) if colon else low)
        return ports
    if option == "-i":
        return NONE if value == "lo" else ALL
    if option in ("--ctstate", "--state"):
        return NONE if set(value.split(",")) <= KNOWN_STATES else ALL
    return ALL
