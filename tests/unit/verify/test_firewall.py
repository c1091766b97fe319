import json

import pytest

from flakeship.verify.checks import iptables, nftables
from flakeship.verify.checks.port_sets import ALL, PortSet
from flakeship.verify.checks.rules import Arrival, Family
from flakeship.verify.checks.verdict import Failed
from tests.unit.verify.machines import recorded


def rules(*expressions: list[object], policy: str = "drop") -> str:
    """An inet table with one input chain; `also` is a chain to jump to."""
    place = {"family": "inet", "table": "filter", "chain": "input"}
    base = {"type": "filter", "hook": "input", "prio": 0, "policy": policy}
    return json.dumps(
        {
            "nftables": [
                {"metainfo": {"version": "1.1.3"}},
                {"chain": {"family": "inet", "table": "filter", "name": "input", **base}},
                {"chain": {"family": "inet", "table": "filter", "name": "also"}},
                {"set": {**place, "name": "web", "elem": [80, {"range": [8000, 8010]}]}},
                {"map": {**place, "name": "ways", "elem": [[443, {"accept": None}]]}},
                *({"rule": {**place, "expr": list(expression)}} for expression in expressions),
            ]
        }
    )


def match(left: object, right: object, op: str = "==") -> dict[str, object]:
    return {"match": {"op": op, "left": left, "right": right}}


def dport(right: object, op: str = "==", protocol: str = "tcp") -> dict[str, object]:
    return match({"payload": {"protocol": protocol, "field": "dport"}}, right, op)


ACCEPT: dict[str, object] = {"accept": None}


def opened(text: str, family: Family = "ip") -> str:
    return str(nftables.firewall(text, Arrival(family)).opened)


@pytest.mark.parametrize(
    ("family", "expected"),
    [("ip", "tcp 22, tcp 80"), ("ip6", "tcp 22, tcp 80, udp 546")],
)
def test_nixos_with_nftables(family: Family, expected: str) -> None:
    """The rule for the DHCPv6 client matches an address of IPv6: it opens nothing for IPv4."""
    assert opened(recorded("nixos-nft.json"), family) == expected


def test_nixos_with_iptables() -> None:
    found = iptables.firewall(recorded("nixos-iptables.txt")).opened
    assert str(found) == "tcp 22, tcp 8000-8010"
    found = iptables.firewall(recorded("nixos-ip6tables.txt")).opened
    assert str(found) == "tcp 22, tcp 8000-8010, udp 546"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ([dport(22), ACCEPT], "tcp 22"),
        ([dport({"set": [22, {"range": [80, 82]}]}), {"counter": {}}, ACCEPT], "tcp 22, tcp 80-82"),
        ([dport("@web"), ACCEPT], "tcp 80, tcp 8000-8010"),
        ([dport(53, protocol="th"), ACCEPT], "tcp 53, udp 53"),
        ([dport(22, op="!="), ACCEPT], "tcp 0-21, tcp 23-65535"),
        ([dport(22, op="<"), ACCEPT], "tcp 0-21"),
        ([dport(1023, op=">"), ACCEPT], "tcp 1024-65535"),
        ([match({"meta": {"key": "iifname"}}, "lo"), ACCEPT], "nothing"),
        ([match({"meta": {"key": "iifname"}}, "tun0"), dport(1), ACCEPT], "tcp 1"),
        ([match({"meta": {"key": "l4proto"}}, {"set": ["tcp", "icmp"]}), ACCEPT], "tcp 0-65535"),
        ([match({"ct": {"key": "state"}}, ["established", "related"], "in"), ACCEPT], "nothing"),
        ([match({"ct": {"key": "state"}}, ["established", "new"], "in"), ACCEPT], str(ALL)),
        ([match({"payload": {"protocol": "ip", "field": "saddr"}}, "10.0.0.1"), ACCEPT], str(ALL)),
        ([match({"payload": {"protocol": "ip", "field": "protocol"}}, 17), ACCEPT], "udp 0-65535"),
        ([dport(22), {"jump": {"target": "also"}}], "nothing"),
        ([{"limit": {"rate": 1}}, ACCEPT], str(ALL)),
        ([dport(9000), {"queue": {"num": 0, "flags": "bypass"}}], "tcp 9000"),
        ([dport(9000), {"new in nft": None}], "tcp 9000"),
        ([dport(9000), {"limit": {"rate": 1}}, {"log": None}, {"continue": None}], "nothing"),
        ([match({"ct": {"key": "state"}}, "new in nft"), dport(9000), ACCEPT], "tcp 9000"),
        (
            [
                {
                    "vmap": {
                        "key": {"payload": {"protocol": "tcp", "field": "dport"}},
                        "data": "@ways",
                    }
                }
            ],
            "tcp 443",
        ),
    ],
)
def test_what_a_rule_lets_in(expression: list[object], expected: str) -> None:
    assert opened(rules(expression)) == expected


def test_a_set_of_protocols_and_ports() -> None:
    left = {
        "concat": [
            {"meta": {"key": "l4proto"}},
            {"payload": {"protocol": "th", "field": "dport"}},
        ]
    }
    pairs = {"set": [{"concat": ["udp", 51820]}, {"concat": ["tcp", 9000]}]}
    assert opened(rules([match(left, pairs), ACCEPT])) == "tcp 9000, udp 51820"


def test_a_chain_that_ends_in_reject_denies() -> None:
    text = rules([dport(22), ACCEPT], [{"reject": {"type": "tcp reset"}}], policy="accept")
    assert opened(text) == "tcp 22"


LEAVING = [{"return": None}, {"goto": {"target": "also"}}]


@pytest.mark.parametrize("leaving", LEAVING, ids=["return", "goto"])
def test_what_leaves_a_chain_before_it_is_refused_is_open(leaving: dict[str, object]) -> None:
    early: list[object] = [dport(9000), leaving]
    assert opened(rules(early, [{"drop": None}], policy="accept")) == "tcp 9000"
    assert opened(rules(early, policy="drop")) == "nothing"


@pytest.mark.parametrize(
    ("text", "denies"),
    [
        (rules([ACCEPT], policy="accept"), False),
        (rules([dport(23), {"drop": None}], policy="accept"), True),
        (json.dumps({"nftables": [{"metainfo": {}}]}), False),
        (recorded("iptables-nft.json"), False),
    ],
    ids=["accepts all", "drops one", "no rules", "rules of iptables"],
)
def test_whether_nftables_filters_here(text: str, denies: bool) -> None:
    assert nftables.firewall(text).denies == denies


def test_the_order_of_rules_counts() -> None:
    refused = [dport(23), {"drop": None}]
    assert opened(rules(refused, [ACCEPT])) == str(ALL - PortSet.span(["tcp"], 23, 23))
    assert opened(rules([ACCEPT], refused)) == str(ALL)
    some = [match({"payload": {"protocol": "ip", "field": "saddr"}}, "192.0.2.1"), {"drop": None}]
    assert opened(rules(some, [ACCEPT])) == str(ALL)  # it refuses some, and is asked of no port


def test_an_ip_table_says_nothing_of_ipv6() -> None:
    text = rules([dport(22), ACCEPT]).replace('"inet"', '"ip"')
    assert not nftables.firewall(text, Arrival("ip6")).denies


@pytest.mark.parametrize("text", ["no json", rules([dport(90000), ACCEPT]), rules([{"jump": {}}])])
def test_unreadable_rules(text: str) -> None:
    with pytest.raises(Failed, match="cannot be read"):
        nftables.firewall(text)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("-p tcp -m multiport --dports 22,80:82 -j ACCEPT", "tcp 22, tcp 80-82"),
        ("-p udp -m udp --dport 53 -m comment --comment 'a b' -j ACCEPT", "udp 53"),
        ("-p tcp -m tcp ! --dport 22 -j ACCEPT", "tcp 0-21, tcp 23-65535"),
        ("-p 6 -j ACCEPT", "tcp 0-65535"),
        ("! -i eth0 -j ACCEPT", str(ALL)),
        ("-m recent --rsource -j ACCEPT", str(ALL)),
        ("-m comment --comment all -j ACCEPT", str(ALL)),
        ("-m state --state RELATED,ESTABLISHED -j ACCEPT", "nothing"),
        ("-p tcp -m tcp --dport 22 -j LOG", "nothing"),
        ("-p tcp -m tcp --dport 9000 -j NFQUEUE --queue-num 0 --queue-bypass", "tcp 9000"),
        ("-p tcp -m tcp --dport 9000 -j UNHEARD_OF", "tcp 9000"),
        # its ports count where they are translated, in the table nat
        ("-m conntrack --ctstate DNAT -p tcp -m tcp --dport 9000 -j ACCEPT", "nothing"),
        ("-m comment --comment -p -j ACCEPT", str(ALL)),
        ("-p tcp -m tcp --dport 60000: -j ACCEPT", "tcp 60000-65535"),
    ],
)
def test_what_an_iptables_rule_lets_in(rule: str, expected: str) -> None:
    text = (
        f"*nat\n:INPUT ACCEPT [0:0]\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n-A INPUT {rule}\nCOMMIT\n"
    )
    assert str(iptables.firewall(text).opened) == expected


@pytest.mark.parametrize("ports", ["80,bogus", "90000", "20:10", "-1"])
def test_an_unreadable_port_of_iptables(ports: str) -> None:
    text = f"*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp --dports {ports} -j ACCEPT\nCOMMIT\n"
    with pytest.raises(Failed, match="cannot be read"):
        iptables.firewall(text)


@pytest.mark.parametrize("leaving", ["-j RETURN", "-g empty"])
def test_what_leaves_a_chain_of_iptables_early_is_open(leaving: str) -> None:
    chains = "*filter\n:INPUT ACCEPT [0:0]\n:fw - [0:0]\n:empty - [0:0]\n-A INPUT -j fw\n"
    text = f"{chains}-A fw -p tcp --dport 9000 {leaving}\n-A fw -j DROP\nCOMMIT\n"
    assert str(iptables.firewall(text).opened) == "tcp 9000"
    # Fail2ban's chains return, and refuse nobody but those they know.
    text = f"{chains}-A INPUT -j DROP\n-A fw -s 192.0.2.1 -j REJECT\n-A fw -j RETURN\nCOMMIT\n"
    assert not iptables.firewall(text).opened


@pytest.mark.parametrize("line", ["[9 bytes are left out here]", "-I INPUT -j DROP", "x"])
def test_a_line_that_iptables_does_not_write(line: str) -> None:
    text = f"# Generated\n*filter\n:INPUT DROP [0:0]\n{line}\nCOMMIT\n# Completed\n"
    with pytest.raises(Failed, match="no such line"):
        iptables.firewall(text)
    assert iptables.firewall(text.replace(line, "")).denies


def test_iptables_without_any_refusal() -> None:
    text = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 23 -j DROP\nCOMMIT\n"
    found = iptables.firewall(text)
    assert found.opened == ALL - PortSet.span(["tcp"], 23, 23)
    assert not iptables.firewall(text.replace("-j DROP", "-j LOG")).denies


def test_chains_in_a_circle_end() -> None:
    text = "*filter\n:INPUT DROP [0:0]\n:a - [0:0]\n-A INPUT -j a\n-A a -j a\nCOMMIT\n"
    assert not iptables.firewall(text).opened


def test_ports_as_text() -> None:
    assert str(PortSet.span(["tcp"], 1, 3) | PortSet.span(["udp"], 9, 9)) == "tcp 1-3, udp 9"


@pytest.mark.parametrize(("policy", "opened"), [("ACCEPT", "tcp 22, tcp 80"), ("DROP", "tcp 22")])
def test_the_example_of_an_early_return(policy: str, opened: str) -> None:
    found = iptables.firewall(f"""\
*filter
:INPUT {policy} [0:0]
:fw - [0:0]
:refuse - [0:0]
-A INPUT -j fw
-A fw -p tcp --dport 22 -j ACCEPT
-A fw -p tcp --dport 80 -j RETURN
-A fw -j refuse
-A refuse -j DROP
COMMIT
""")
    assert str(found.opened) == opened
