"""What listens, and who can reach it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.ports import Port
from flakeship.verify.checks import facts, listening
from flakeship.verify.checks.facts import Section
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import REQUEST, machine, recorded, subject

HEALTHY = machine()
NFT = recorded("nixos-nft.json")


def with_listener(*lines: str) -> str:
    return "\n".join([HEALTHY.text("listeners"), *lines])


def opening(ports: str) -> str:
    return NFT.replace("22, 80", f"22, 80, {ports}")


def seen(*ports: Port | dict[str, Any], **sections: str | Section) -> str:
    declared = [Port.model_validate(port) for port in ports]
    request = replace(REQUEST, ports=[*REQUEST.ports, *declared])
    return listening.listeners(subject(machine(**sections), request))


def let_in(*ports: dict[str, Any], **sections: str | Section) -> str:
    declared = [Port.model_validate(port) for port in ports]
    request = replace(REQUEST, ports=[*REQUEST.ports, *declared])
    return listening.firewall(subject(machine(**sections), request))


UNREACHED = [
    "udp UNCONN 0 0 0.0.0.0:41235 0.0.0.0:*",  # WireGuard's, in the kernel
    'tcp LISTEN 0 5 100.101.102.103:39201 0.0.0.0:* users:(("tailscaled",pid=9,fd=3))',
    'udp UNCONN 0 0 [::]:5353 [::]:* users:(("avahi-daemon",pid=9,fd=3))',
    'tcp LISTEN 0 64 *:42017 *:* users:(("rpc.statd",pid=9,fd=3))',
]


@pytest.mark.parametrize("line", UNREACHED)
def test_a_listener_behind_the_firewall_is_told(line: str) -> None:
    known = machine(listeners=with_listener(line))
    (stranger,) = [each for each in known.listeners if each not in HEALTHY.listeners]
    assert seen(listeners=with_listener(line)).endswith(f"; closed by the firewall: {stranger}")


@pytest.mark.parametrize(
    ("nft", "why"),
    [
        (opening("39201"), "not declared: tcp 100.101.102.103:39201 (tailscaled): declare"),
        (NFT.replace('"hook": "input"', '"hook": "output"'), "the firewall may open it: "),
        (NFT.replace('"policy": "drop"', '"policy": "accept"'), "(tailscaled)"),
        ("{}", "cannot be read"),
        (Section(1, "", "nft: Operation not permitted", 0), "the firewall may open it: no nft"),
    ],
)
def test_a_listener_that_may_be_reached_is_refused(nft: str | Section, why: str) -> None:
    with pytest.raises(Failed) as failure:
        seen(listeners=with_listener(UNREACHED[1]), nft=nft)
    assert why in str(failure.value)


def test_one_family_that_opens_it_is_enough() -> None:
    only_ipv4 = NFT.replace('"inet"', '"ip"')
    with pytest.raises(Failed, match=r"not declared: tcp \*:42017"):
        seen(
            listeners=with_listener(UNREACHED[3]),
            nft=only_ipv4,
            ip6tables="*filter\n:INPUT ACCEPT [0:0]\nCOMMIT",
            iptables="*filter\n:INPUT ACCEPT [0:0]\nCOMMIT",
        )


def test_a_range() -> None:
    ports = {"port": "30000-32767"}
    nft = opening('{"range": [30000, 32767]}')
    line = 'tcp LISTEN 0 64 *:31080 *:* users:(("kube-proxy",pid=9,fd=3))'
    assert seen(ports).startswith("tcp 22, tcp 80, the DHCP client")
    assert seen(ports, listeners=with_listener(line)).startswith("tcp 22, tcp 80, tcp 31080")
    assert let_in(ports, nft=nft).endswith(
        "tcp 22, tcp 80, tcp 30000-32767, all others are refused"
    )
    with pytest.raises(Failed, match="declared, but not open: tcp 30000-32767"):
        let_in(ports)
    with pytest.raises(Failed, match="open, but not declared: tcp 30000, tcp 32767"):
        let_in({"port": "30001-32766"}, nft=nft)


def test_a_process() -> None:
    line = 'udp UNCONN 0 0 0.0.0.0:41641 0.0.0.0:* users:(("tailscaled",pid=9,fd=3))'
    given = {"process": "tailscaled", "protocol": "udp"}
    found = seen(given, listeners=with_listener(line), nft=opening("9"))
    assert "by process: udp 0.0.0.0:41641 (tailscaled)" in found
    assert "closed" not in found
    truncated = {"process": "systemd-resolved", "protocol": "tcp"}
    line = 'tcp LISTEN 0 64 *:5355 *:* users:(("systemd-resolve",pid=9,fd=3))'
    assert "by process: tcp *:5355" in seen(truncated, listeners=with_listener(line))
    assert let_in(truncated, listeners=with_listener(line), nft=opening("5355"))
    for other in (given, truncated | {"process": "sshd"}, truncated | {"protocol": "udp"}):
        with pytest.raises(Failed, match="not declared"):
            seen(other, listeners=with_listener(line), nft=opening("5355"))
        with pytest.raises(Failed, match="open, but not declared: tcp 5355"):
            let_in(other, listeners=with_listener(line), nft=opening("5355"))


def test_a_port_of_a_container_needs_no_listener() -> None:
    """Its packets go to another address before anything could listen."""
    translation = (
        '{"chain": {"family": "ip", "table": "nat", "name": "PREROUTING", "type": "nat", '
        '"hook": "prerouting", "prio": -100, "policy": "accept"}}, {"rule": {"family": "ip", '
        '"table": "nat", "chain": "PREROUTING", "handle": 1, "expr": [{"match": {"op": "==", '
        '"left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8080}}, '
        '{"dnat": {"addr": "10.88.0.4", "port": 80}}]}}, {"table": {"family": "inet"'
    )
    nft = NFT.replace('{"table": {"family": "inet"', translation, 1)
    assert seen({"port": 8080}, nft=nft)
    with pytest.raises(Failed, match="nothing listens on tcp 8080"):
        seen({"port": 8080})
    ipv4 = HEALTHY.text("addresses").partition("    inet6 fe80")[0]
    found = let_in({"port": 8080}, nft=nft, addresses=ipv4)
    assert found.endswith("; forwarded to other ports or containers: tcp 8080")
    with pytest.raises(Failed, match=r"IPv4: open, but not declared: tcp 8080, by rule 1 of `ip n"):
        let_in(nft=nft)


def test_a_port_that_listens_on_ipv4_alone_is_told() -> None:
    listeners = "\n".join(
        line for line in HEALTHY.text("listeners").splitlines() if "[::]:80" not in line
    )
    routed = HEALTHY.text("addresses") + "\n    inet6 2001:db8::2/64 scope global\n"
    assert "; on IPv4 alone: tcp 80" in seen(listeners=listeners, addresses=routed)
    assert "IPv4 alone" not in seen(listeners=listeners)
    assert "IPv4 alone" not in seen(addresses=routed)


@pytest.mark.parametrize(
    "line",
    [
        "tcp LISTEN 0 1 *:99999 *:*",
        f"tcp LISTEN 0 1 *:{'9' * 5000} *:*",
        "tcp LISTEN 0 1 nonsense:80 *:*",
        "udp UNCONN 0 0 [::g]:80 *:*",
    ],
)
def test_a_line_of_nonsense_is_unreadable(line: str) -> None:
    with pytest.raises(Failed, match="`ss` cannot be read"):
        seen(listeners=with_listener(line))


def test_missing_facts_are_no_answer() -> None:
    with pytest.raises(Failed):
        listening.listeners(subject(facts.Facts()))
