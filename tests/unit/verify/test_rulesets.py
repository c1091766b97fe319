"""Whole rule sets of the programs that write them, and what each opens.

They were loaded into a kernel and read back with nftables 1.0.6 and iptables 1.8.9 (nf_tables), so
that iptables' own are in the list of nftables, too, as far as that can show them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.verify.checks import iptables, nftables
from flakeship.verify.checks.facts import Facts, Section
from flakeship.verify.checks.filters import Filters, filters
from flakeship.verify.checks.port_sets import ALL, PortSet
from flakeship.verify.checks.rules import Arrival, Family
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import recorded

RECORDED = Path(__file__).with_name("recorded") / "rulesets"
ADDRESSES = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536
    inet 127.0.0.1/8 scope host lo
2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    inet 10.0.2.15/24 metric 1024 brd 10.0.2.255 scope global dynamic eth0
    inet6 fe80::5054:ff:fe12:3456/64 scope link
3: docker0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500
    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0
"""
WEB = "tcp 22, tcp 80"


def facts(name: str, *, tools: str = "nft iptables ip6tables", links: str = "eth0") -> Facts:
    files = {"nft": "nft.json", "iptables": "iptables.txt", "ip6tables": "ip6tables.txt"}
    found = {
        tool: Section(0, (RECORDED / name / files[tool]).read_text(), "", 0)
        if tool in tools.split()
        else Section(127, "", f"sh: {tool}: not found", 0)
        for tool in files
    }
    shown = {"addresses": Section(0, ADDRESSES, "", 0), "links": Section(0, links, "", 0)}
    return Facts(found | shown)


def opened(found: Filters) -> str:
    return "all" if found.opened is None else str(found.opened)


@pytest.mark.parametrize(
    ("name", "ip", "ip6"),
    [
        # containers: what a port of the host leads to passes the chains for input by
        ("nixos-docker", f"{WEB}, tcp 8080", f"{WEB}, udp 546"),
        ("nixos-docker-local", WEB, f"{WEB}, udp 546"),
        ("iptables-docker", f"{WEB}, tcp 8080", "all"),
        ("docker-alone", "all", "all"),
        ("nixos-podman", f"{WEB}, tcp 8080", f"{WEB}, udp 546"),
        ("firewalld-podman", f"{WEB}, tcp 8080", f"{WEB}, udp 546"),
        ("nixos-k3s", f"{WEB}, tcp 31080", f"{WEB}, udp 546"),
        ("k3s-alone", "all", "all"),
        ("nixos-kube-proxy", f"{WEB}, tcp 31080", f"{WEB}, udp 546"),
        ("nixos-libvirt", WEB, f"{WEB}, udp 546"),
        # what refuses a few, and is asked for no port
        ("iptables-fail2ban", WEB, "all"),
        ("nixos-fail2ban", WEB, f"{WEB}, udp 546"),
        ("fail2ban-alone", "all", "all"),
        # VPNs
        ("nixos-tailscale", WEB, f"{WEB}, udp 546"),
        ("iptables-tailscale", f"{WEB}, udp 41641", "all"),
        ("nixos-trusted", WEB, f"{WEB}, udp 546"),
        # other firewalls, and what stands before one
        ("firewalld", WEB, f"{WEB}, udp 546"),
        ("ufw", f"{WEB}, udp 68", "all"),
        ("nixos-early", WEB, f"{WEB}, udp 546"),
        ("nixos-redirect", f"{WEB}, tcp 443", f"{WEB}, udp 546"),
    ],
)
def test_what_a_machine_lets_in(name: str, ip: str, ip6: str) -> None:
    families: tuple[Family, ...] = ("ip", "ip6")
    assert [opened(filters(facts(name), family)) for family in families] == [ip, ip6]


@pytest.mark.parametrize(
    ("name", "tools", "ip"),
    [
        ("nixos-docker", "nft", f"{WEB}, tcp 8080"),
        ("iptables-docker", "iptables ip6tables", f"{WEB}, tcp 8080"),
        ("ufw", "iptables", f"{WEB}, udp 68"),
        ("nixos-fail2ban", "nft", WEB),
        ("nixos-k3s", "nft", f"{WEB}, tcp 31080"),
    ],
)
def test_with_one_program_alone(name: str, tools: str, ip: str) -> None:
    assert opened(filters(facts(name, tools=tools), "ip")) == ip


@pytest.mark.parametrize(("name", "tools"), [("ufw", "nft"), ("iptables-tailscale", "nft")])
def test_a_firewall_that_no_program_here_can_read(name: str, tools: str) -> None:
    with pytest.raises(Failed, match="`iptables` ended with exit code 127"):
        filters(facts(name, tools=tools), "ip")


def test_an_inner_interface_is_told() -> None:
    found = filters(facts("nixos-trusted"), "ip")
    assert found.trusted == ["docker0", "wg0"]
    assert not filters(facts("nixos-docker"), "ip").trusted


@pytest.mark.parametrize("links", ["", "eth0 wg0"])
def test_an_interface_that_may_be_the_outer_one_counts(links: str) -> None:
    assert opened(filters(facts("nixos-trusted", links=links), "ip")) == "all"


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("nixos-docker", "--dport 8080 -j DNAT"),
        ("nixos-podman", "of `inet netavark nv_2f259bab_10_88_0_0_nm16_dnat`"),
        ("nixos-redirect", "of `ip port pre`"),
        ("iptables-tailscale", "--dport 41641 -j ACCEPT"),
    ],
)
def test_the_rules_that_open_a_port_are_named(name: str, rule: str) -> None:
    found = filters(facts(name), "ip")
    assert found.opened
    known = PortSet.of([("tcp", 22), ("tcp", 80)])
    assert any(rule in each for each in found.opening(found.opened - known))


def packets(*rules: str, policy: str = "DROP", nat: str = "") -> str:
    lines = "\n".join(f"-A INPUT {rule}" for rule in rules)
    return (
        f"*filter\n:INPUT {policy} [0:0]\n{lines}\nCOMMIT\n*nat\n:PREROUTING ACCEPT\n{nat}\nCOMMIT"
    )


HERE = Arrival("ip", frozenset({"eth0"}), frozenset({"10.0.2.15", "10.0.2.255"}))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["-i eth0 -p tcp --dport 22 -j ACCEPT"], "tcp 22"),
        (["-i eth+ -p tcp --dport 22 -j ACCEPT"], "tcp 22"),
        (["-i br-+ -j ACCEPT"], "nothing"),
        (["! -i eth0 -j ACCEPT"], "nothing"),
        (["! -i docker0 -p udp --dport 9 -j ACCEPT"], "udp 9"),
        (["-d 10.0.2.15/32 -p udp --dport 9 -j ACCEPT"], "udp 9"),
        (["-d 10.0.2.255/32 -p udp --dport 137 -j ACCEPT"], "udp 137"),
        (["-d 224.0.0.251/32 -p udp --dport 5353 -j ACCEPT"], "udp 5353"),
        (["-d 255.255.255.255/32 -p udp --dport 67 -j ACCEPT"], "udp 67"),
        (["-d 10.43.0.1/32 -p tcp --dport 443 -j ACCEPT"], "nothing"),
        (["! -d 10.43.0.1/32 -p tcp --dport 443 -j ACCEPT"], "tcp 443"),
        (["-m set --match-set allowed src -j ACCEPT"], str(ALL)),
        (["-m set --match-set bad src -j DROP", "-p tcp --dport 22 -j ACCEPT"], "tcp 22"),
        (["-p tcp --dport 22 -j DROP", "-p tcp -j ACCEPT"], "tcp 0-21, tcp 23-65535"),
        (["-p tcp -m multiport ! --dports 22,80 -j DROP", "-j ACCEPT"], f"{WEB}, udp 0-65535"),
        (["-m mark --mark 0x1 -j ACCEPT"], str(ALL)),
        (["-m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP", "-j ACCEPT"], "nothing"),
    ],
)
def test_a_rule_of_iptables_is_asked_of_packets_from_outside(
    rules: list[str], expected: str
) -> None:
    assert str(iptables.firewall(packets(*rules), HERE).opened) == expected


def test_chains_without_number_end() -> None:
    """The kernel allows sixteen; a machine may report what it likes."""
    deep = "\n".join(f"-A c{n} -j c{n + 1}\n-A c{n} -j c{n + 1}" for n in range(5000))
    heads = "\n".join(f":c{n} - [0:0]" for n in range(5001))
    text = f"*filter\n:INPUT DROP [0:0]\n{heads}\n-A INPUT -j c0\n{deep}\nCOMMIT"
    assert str(iptables.firewall(text).opened) == str(ALL)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"nftables": [{"chain": {"family": "ip"}}]}',
        '{"nftables": [{"rule": {"family": "ip"}}]}',
        recorded("nixos-nft.json").replace('{"accept": null}', "{}"),
        '{"nftables": ' + "9" * 5000 + "}",
        "",
    ],
)
def test_what_a_machine_may_print_is_refused_as_unreadable(text: str) -> None:
    with pytest.raises(Failed, match="`nft -j list ruleset` cannot be read"):
        nftables.firewall(text)
