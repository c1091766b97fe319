"""Reads `iptables-save` and `ip6tables-save`."""

from __future__ import annotations

import shlex

from flakeship.checks.firewall import ALL, NONE, PROTOCOLS, Chain, Firewall, Ports, Rule

QUIET = {"--comment", "--reject-with", "--log-prefix", "--log-level"}
"""Options with a value that is no condition."""

NUMBERS = {"6": "tcp", "17": "udp"}


def firewall(text: str) -> Firewall:
    """What the filter table lets in."""
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
    """The rule that these options make; None for a target that decides nothing."""
    ports, always, target = ALL, True, ""
    negated = False
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "!":
            negated, always = True, False
        elif word in ("-j", "-g"):
            target = following
        elif word == "-m":
            always &= following == "comment"
        elif word.startswith("-") and word not in QUIET:
            always = False
            if not negated:
                ports &= _matched(word, following)
            negated = False
    if target == "ACCEPT":
        return Rule("accept", ports, always)
    if target in ("DROP", "REJECT"):
        return Rule("deny", ports, always)
    return Rule("jump", ports, always, target) if target else None


def _matched(option: str, value: str) -> Ports:
    """The ports of the new packets from elsewhere that an option's value may match."""
    if option == "-p":
        return ALL if value in ("all", "0") else Ports.span([NUMBERS.get(value, value)])
    if option in ("--dport", "--dports"):
        ports = NONE
        for part in value.split(","):
            first, _, last = part.partition(":")
            ports |= Ports.span(PROTOCOLS, int(first or 0), int(last or first or 65535))
        return ports
    if option == "-i":
        return NONE if value == "lo" else ALL
    if option in ("--ctstate", "--state"):
        return ALL if {"NEW", "UNTRACKED"} & set(value.split(",")) else NONE
    return ALL
