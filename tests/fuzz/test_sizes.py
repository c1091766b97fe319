"""Large hostile inputs take time and memory in proportion to their size, and not more."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from flakeship.config import settings
from flakeship.model.errors import FlakeshipError
from flakeship.nix import manifest
from flakeship.ssh import host_keys
from flakeship.ssh.login import Login
from flakeship.targets import registry
from flakeship.verify.checks import probe
from flakeship.verify.checks.verdict import Failed
from tests.fuzz.guest import checked, seen_in
from tests.fuzz.stacks import read_outputs
from tests.unit.verify.machines import block, machine

SIZE = 300_000
"""Characters: what a guest's command may print at all is a few times this."""
SECONDS = 8.0
"""Of processor time, with the tracing of memory, which takes most of it."""
MEMORY = 150_000_000


def times(text: str) -> str:
    """A text as often as fits."""
    return text * (SIZE // len(text))


def section(name: str, text: str) -> Callable[[], object]:
    """What a machine reports of itself, with this in a section."""
    known = machine()
    changed = replace(known.sections.get(name, known.sections["sudo"]), stdout=text)
    return lambda: checked(machine(**{name: changed}))


def log(text: str) -> Callable[[], object]:
    """A log of ssh."""

    def read() -> None:
        assert isinstance([*seen_in(Login(255, text))], list)

    return read


def chains(depth: int) -> str:
    """Chains that each jump twice to the next: as many ways through them as 2 to the depth."""
    names = ["INPUT", *(f"c{number}" for number in range(depth))]
    jumps = [f"-A {one} -p tcp -j {other}" for one, other in pairwise(names) for _ in range(2)]
    return "\n".join(["*filter", *(f":{name} ACCEPT [0:0]" for name in names), *jumps, "COMMIT"])


def config(key: str, text: str) -> Callable[[], object]:
    """A setting."""
    known = {"flakeship:flake": "github:a/b", "flakeship:host": "web", "flakeship:servers": "[]"}
    return lambda: settings.read(known | {key: text}, registry.spec, registry.names())


LARGE: dict[str, Callable[[], object]] = {
    "beginnings of sections": lambda: probe.parse(times("@@@ begin a 1.0 -\n"), ""),
    "sections": lambda: probe.parse(times("@@@ begin a 1.0 -\nx\n@@@ end a 1.1 0\n"), ""),
    "one line": lambda: probe.parse(times("@@@ begin "), times("@@@ ")),
    "addresses": section("addresses", times("    inet 10.0.2.15/24 dynamic\n")),
    "blanks in addresses": section("addresses", "1: a\n" + times(" ")),
    "listeners": section("listeners", times("tcp LISTEN 0 0 0.0.0.0:22 0.0.0.0:*\n")),
    "quotes in listeners": section(
        "listeners", "tcp LISTEN 0 0 0.0.0.0:22 0.0.0.0:* " + times('"')
    ),
    "colons in listeners": section("listeners", "tcp LISTEN 0 0 " + times(":1")),
    "digits in df": section("root", times("1 ")),
    "lines of df": section("root", times("1\n")),
    "failed units": section("failed", times("a.service\n")),
    "lists in nft": section("nft", '{"nftables": [' + times("[],")[:-1] + "]}"),
    "depth of nft": section("nft", times("[")),
    "rules of iptables": section("iptables", "*filter\n" + times("-A INPUT -p tcp -j ACCEPT\n")),
    "quotes in iptables": section("iptables", "*filter\n-A INPUT " + times("'")),
    "console": lambda: host_keys.blocks(times(block("ssh-ed25519 AAAA"))),
    "a key without end": lambda: host_keys.blocks(block(f"ssh-rsa AAAA{times('A')}")),
    "beginnings of keys": lambda: host_keys.blocks(times(host_keys.BEGIN)),
    "denials": log(times("Permission denied (")),
    "denials in lines": log(times("Permission denied (\n")),
    "methods": log("Authentications that can continue: " + times("a,")),
    "authentications": log("Authenticated to " + times(' using "')),
    "a manifest": lambda: manifest.read(json.dumps({"schema": 1, "version": times("x")}), "x"),
    "a name": config("flakeship:host", times("x")),
    "servers": config("flakeship:servers", f"[{times('{},')[:-1]}]"),
    "keys of outputs": lambda: read_outputs({"running": {f"w{n}": "w-1" for n in range(50_000)}}),
}


@pytest.mark.parametrize("name", LARGE)
def test_time_and_memory_are_bounded(name: str) -> None:
    tracemalloc.start()
    started = time.thread_time()
    try:
        LARGE[name]()
    except (FlakeshipError, Failed) as refusal:
        assert len(str(refusal)) < 20_000  # noqa: PT017 - which of them it is does not count
    took = time.thread_time() - started
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert took < SECONDS
    assert most < MEMORY


@pytest.mark.parametrize("depth", [14])
def test_chains_that_fork_are_followed_once(depth: int) -> None:
    started = time.thread_time()
    checked(machine(nft="", iptables=chains(depth)))
    assert time.thread_time() - started < SECONDS
