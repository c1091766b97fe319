"""Everything that is parsed of what a machine under verification says."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from flakeship.model.checks import Check
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.ports import Port
from flakeship.model.text import LINE, one_line
from flakeship.ssh import host_keys
from flakeship.ssh.banner import await_banner
from flakeship.ssh.login import Login
from flakeship.system.process import Result
from flakeship.targets.proxmox.cutover import guest as address_command
from flakeship.verify import boot_progress
from flakeship.verify.checks import addressing, disk, inside, listening, outside, probe
from flakeship.verify.checks.facts import Facts
from flakeship.verify.checks.facts import Subject as Machine
from flakeship.verify.checks.filters import filters
from flakeship.verify.checks.port_sets import ALL
from flakeship.verify.checks.rules import Family
from flakeship.verify.checks.verdict import Failed, judge
from flakeship.verify.console import File, announced_keys, tail
from tests.fuzz.subject import Subject
from tests.fuzz.values import NASTY, documents, spoiled, texts
from tests.unit.verify import consoles
from tests.unit.verify.machines import (
    ED25519,
    OTHER,
    REQUEST,
    ROUTE,
    Shell,
    block,
    machine,
    recorded,
    says,
    server,
    subject,
)  # fmt: skip

MAC = "02:00:00:00:00:01"
SHOWN = ["free\n", f"{MAC}\n", f"stored 10.0.2.9/24\nhere eth0 {MAC}\n"]
PROBE = recorded("probe.txt")
SECTIONS = {name: section.stdout for name, section in machine().sections.items()}
TEXTS: dict[str, list[str]] = {
    **{name: [text] for name, text in SECTIONS.items()},
    "addresses": [SECTIONS["addresses"], recorded("busybox-addresses.txt")],
    "nft": [recorded("nixos-nft.json"), recorded("iptables-nft.json")],
    "iptables": [recorded("nixos-iptables.txt")],
    "ip6tables": [recorded("nixos-ip6tables.txt")],
    "root": [SECTIONS["root"], SECTIONS["root"] + "\n21474836480"],
    "failed": ["nginx.service loaded failed failed A web server\nx.service loaded failed failed x"],
    "reasons": ["Jul 01 nginx[1]: bind() failed\n"],
}
LOG = """OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.17
debug1: Server host key: ssh-ed25519 SHA256:l+DxPgPpZ9iqWPMa6nILnl4trXCllPjXTniU8i/pQR8
debug1: Authentications that can continue: publickey,password
nixos@127.0.0.1: Permission denied (publickey).
Authenticated to 127.0.0.1 ([127.0.0.1]:22022) using "publickey".
"""
CONSOLE = f"[    1.0] Linux\n{block(ED25519, OTHER)}ci-info: {ED25519} root@web\nweb login: "
BOOTS = [consoles.UP, consoles.SEABIOS + consoles.RESCUE, consoles.TIME + consoles.EMERGENCY]
ANSWERS = [
    "HTTP/1.1 204 No Content\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HTTP/1.0 301 Moved\r\nLocation: /x\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\r\n",
]
FACTS = (
    *(inside.toplevel, inside.sudo, inside.system, addressing.dhcp, disk.root_size),
    *(listening.listeners, listening.firewall),
)
FAMILIES: tuple[Family, ...] = ("ip", "ip6")
CHECK = Check(name="page", http=80, contains="hello", status=204, timeout=0.01)
SECURE = Check(name="secure", https=80, certificate="any", timeout=0.01)


def subjects() -> list[Subject]:
    """The parts of the probe, the probe itself, and what comes over the network and the console."""
    answer = st.one_of(spoiled(ANSWERS).map(raw), st.binary(max_size=200))
    return [
        Subject("probe", st.tuples(st.one_of(spoiled([PROBE]), texts), texts), probed, says=False),
        *(Subject(f"probe {name}", section(name), checked, says=False) for name in TEXTS),
        Subject("console", spoiled([CONSOLE, *BOOTS]).map(raw), console, says=False),
        Subject("ssh log", st.tuples(spoiled([LOG]), st.integers(-1, 255)), logged, says=False),
        Subject("ssh banner", answer, banner, says=False),
        Subject("http", answer, web, says=False),
        Subject("tcp", answer, tcp, says=False),
        Subject("service address", st.tuples(spoiled(SHOWN), texts), service_address),
        Subject("commands", st.tuples(results, results, st.integers(0, 2)), commands, says=False),
    ]


def raw(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def section(name: str) -> st.SearchStrategy[Facts]:
    """The facts of a healthy machine but for one section."""
    found = st.one_of(spoiled(TEXTS[name]), st.sampled_from(NASTY))
    if name == "nft":
        found = documents([json.loads(text) for text in TEXTS[name]])
    codes = st.sampled_from((0, 0, 0, 1, 127, 255))
    known = machine()
    one = known.sections.get(name, known.sections["sudo"])
    return st.builds(
        lambda text, code, error: machine(
            **({"nft": ""} if name in ("iptables", "ip6tables") else {}),
            **{name: replace(one, stdout=text, code=code, stderr=error)},
        ),
        found, codes, texts,
    )  # fmt: skip


def probed(given: tuple[str, str]) -> None:
    """The whole output of the probe."""
    checked(probe.parse(*given))


def checked(facts: Facts) -> None:
    """Every check on what a machine reports."""
    seen = subject(facts)
    for check in FACTS:
        judge(check.__name__, partial(check, seen))
    for family in FAMILIES:
        with suppress(Failed):
            listening.missing_listeners(facts, REQUEST)
            found = filters(facts, family)
            str(found.opened)
            assert isinstance([found.trusted, found.opening(ALL)], list)


def service_address(given: tuple[str, str]) -> None:
    """What a machine's command for service addresses prints, and says when it fails."""
    printed, error = given
    failed = CommandError("failed", 1, error)
    for call in (address_command.ask, lambda *words: address_command.show(*words[:2])):
        with suppress(FlakeshipError):
            call(Shell(Result(0, printed, "")), "web-1", "10.0.2.9/24")
    address_command.show(Shell(failed), "web-1")


def console(given: bytes) -> None:
    """A console: its end, how far the boot came, and the host keys in it, which go into files."""
    file = Path("console.log")
    file.write_bytes(given)
    try:
        tail(File(file))
        announced_keys(File(file))
        reached = boot_progress.find(File(file).read())
        assert reached.stage
        assert all(line == one_line(line, LINE) for line in map(str.strip, reached.lines()))
        for keys in host_keys.blocks(File(file).read()):
            for key in keys:
                assert re.fullmatch(r"[a-z0-9-]+ [A-Za-z0-9+/=]+", key)
                host_keys.fingerprint(key)
            assert host_keys.known_hosts("web", keys).count("\n") == len(keys)
            host_keys.algorithms(keys)
    finally:
        file.unlink()


def seen_in(login: Login) -> Iterator[object]:
    """Everything that is read from a log of ssh."""
    yield from (login.offered, login.method, login.host_key, login.host_key_refused, login.error)
    yield from (login.denied, login.unsigned, login.taken, login.key, login.tried)
    yield judge("password-login", partial(outside.password_login, login))


def logged(given: tuple[str, int]) -> None:
    """The verbose log of ssh, in which the server has its say."""
    login = Login(given[1], given[0])
    assert isinstance([*seen_in(login)], list)


def banner(answer: bytes) -> None:
    """The first line of what claims to be an SSH server."""
    with server(says(answer)) as port:
        await_banner("127.0.0.1", port, 0.5)


def asked(answer: bytes, *acts: Callable[[Machine], str]) -> None:
    """Check a server that gives this answer to everything."""

    def behave(connection: socket.socket) -> None:
        connection.settimeout(0.2)
        try:
            connection.recv(4096)
            connection.sendall(answer)
        except OSError:
            return

    with server(behave) as port:
        route = replace(ROUTE, ports={22: port, 80: port})
        for act in acts:
            judge("answer", partial(act, subject(route=route)))


def web(answer: bytes) -> None:
    """A web server."""
    asked(
        answer,
        lambda machine: outside.custom(CHECK, machine),
        lambda machine: outside.custom(SECURE, machine),
        lambda machine: outside.answers_on(machine.route, Port(port=80, protocol="http"), 0.01),
    )


def tcp(answer: bytes) -> None:
    """Any server."""
    check = Check(name="x", tcp=80, send="x", contains="hello", timeout=0.01)
    asked(
        answer,
        lambda machine: outside.custom(check, machine),
        lambda machine: outside.answers_on(machine.route, Port(port=22, protocol="ssh"), 0.01),
    )


results = st.builds(
    Result,
    st.sampled_from((0, 0, 1, 127, 255)),
    st.one_of(texts, spoiled(["/nix/store/x-y\n"])),
    texts,
)


def commands(given: tuple[Result, Result, int]) -> None:
    """What commands on the machine print."""
    first, second, which = given
    at = Machine(REQUEST, ROUTE, Shell(first, second), Facts)
    acts: list[Callable[[], Any]] = [
        lambda: inside.nix_build(at),
        lambda: inside.reactivation(at),
        lambda: outside.custom(Check(name="x", run="true"), at),
    ]
    acts[which]()
