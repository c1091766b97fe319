import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError
from flakeship.model.evidence import CheckResult
from flakeship.model.ports import Port
from flakeship.model.sizes import MIB
from flakeship.system.process import Result, run
from flakeship.verify import machine_checks
from flakeship.verify.checks import facts, inside, probe
from flakeship.verify.checks.facts import Section
from flakeship.verify.checks.verdict import Failed, judge
from flakeship.verify.request import VerifyRequest
from tests.unit.verify.machines import REQUEST, Shell, machine, recorded, subject

HEALTHY = machine()


def evidence(known: facts.Facts) -> dict[str, tuple[bool, str]]:
    return {c.name: (c.passed, c.detail) for c in results(known)}


def results(known: facts.Facts, request: VerifyRequest = REQUEST) -> list[CheckResult]:
    return [
        judge(c.name, partial(c.run, subject(known, request)), known.milliseconds(*c.sections))
        for c in machine_checks.REPORTED
    ]


def changed(old: str, new: str) -> str:
    text = HEALTHY.text("addresses")
    assert old in text
    return text.replace(old, new)


def with_listener(line: str) -> str:
    return f"{HEALTHY.text('listeners')}\n{line}"


def test_a_healthy_nixos_passes_all() -> None:
    found = results(HEALTHY)
    assert [c.name for c in found] == [
        *("toplevel", "sudo", "dhcp", "listeners", "firewall", "root-size", "system")
    ]
    assert all(c.passed for c in found), found
    assert {c.milliseconds for c in found} == {70, 140}
    details = {c.name: c.detail for c in found}
    assert details["dhcp"] == "10.0.2.15 on ens3, lease of 86315 s"
    assert details["listeners"] == "tcp 22, tcp 80, the DHCP client on udp 68, udp 546"
    assert details["firewall"] == "IPv4 and IPv6: tcp 22, tcp 80, all others are refused"
    assert details["root-size"] == "3896 MiB of a disk of 4096 MiB"


def opening(port: int) -> str:
    return recorded("nixos-nft.json").replace("22, 80", f"22, 80, {port}")


NO_NFT = Section(1, "", "sh: nft: not found", 0)
IPTABLES = recorded("nixos-iptables.txt").replace("8000:8010", "80")
DATA_SET = "tank/system/root 2752512 131072 2621440 5% /"
STRANGER = 'tcp LISTEN 0 128 *:5355 *:* users:(("systemd-resolve",pid=1,fd=2))'


@pytest.mark.parametrize(
    ("name", "sections", "detail"),
    [
        ("toplevel", {"toplevel": "/nix/store/old-system"}, "/nix/store/old-system is running"),
        ("toplevel", {"toplevel": Section(1, "", "", 0)}, "`toplevel` ended with exit code 1"),
        ("sudo", {"sudo": "1000"}, "does not make nixos root: the user id is 1000"),
        ("sudo", {"sudo": Section(127, "", "sh: id: not found", 0)}, "id: not found"),
        ("dhcp", {"addresses": changed(" dynamic ens3", " ens3")}, "10.0.2.15 on ens3 is static"),
        ("dhcp", {"addresses": changed("86315sec", "forever")}, "is static"),
        (
            "dhcp",
            {"addresses": changed("10.0.2.15", "10.9.9.9")},
            "no address in 10.0.2.0/24, only: 10.9",
        ),
        ("dhcp", {"addresses": "1: lo:\n    inet 127.0.0.1/8 scope host lo"}, "none at all"),
        ("dhcp", {"addresses": "Usage: ip"}, "cannot be read"),
        ("dhcp", {"addresses": Section(127, "", "sh: ip: not found", 0)}, "ip: not found"),
        (
            "listeners",
            {"listeners": with_listener(STRANGER), "nft": opening(5355)},
            "tcp *:5355 (systemd-resolve)",
        ),
        (
            "listeners",
            {"listeners": with_listener(STRANGER), "nft": "{}"},
            "the firewall may open it: `nft -j list ruleset` cannot be read",
        ),
        ("listeners", {"listeners": "tcp LISTEN 0 1 [::]:22 [::]:*"}, "listens on tcp 80"),
        ("listeners", {"listeners": ""}, "listens on tcp 22, tcp 80"),
        ("listeners", {"listeners": "tcp LISTEN"}, "cannot be read"),
        ("listeners", {"listeners": "tcp LISTEN 0 1 *:ssh *:*"}, "cannot be read"),
        ("listeners", {"listeners": "sctp LISTEN 0 1 *:80 *:*"}, "cannot be read"),
        ("listeners", {"listeners": Section(1, "", "sh: ss: not found", 0)}, "ss: not"),
        ("firewall", {"nft": NO_NFT}, "the probe ended before `iptables`"),
        ("firewall", {"nft": recorded("nixos-nft.json").replace("22, 80", "22, 80, 23")}, "tcp 23"),
        ("firewall", {"nft": recorded("nixos-nft.json").replace("22, 80", "22")}, "open: tcp 80"),
        ("firewall", {"nft": recorded("nixos-nft.json").replace('"inet"', '"ip"')}, "IPv6: no "),
        ("firewall", {"nft": NO_NFT, "iptables": "*filter\n:INPUT ACCEPT\nCOMMIT"}, "IPv4: no"),
        ("firewall", {"nft": NO_NFT, "iptables": IPTABLES}, "before `ip6tables`"),
        ("root-size", {"root": "/dev/vda 1024000 1 1 1% /"}, "1000 MiB of a disk of 4096 MiB: les"),
        ("root-size", {"root": "df: what"}, "cannot be read"),
        (
            "root-size",
            {"root": f"{DATA_SET}\n{1792 << 20}"},
            "1792 MiB of a disk of 4096 MiB (a ZFS",
        ),
        ("system", {"state": Section(1, "degraded", "", 0), "failed": "a.service x"}, "a.service"),
        ("system", {"failed": "a.service loaded failed failed A"}, "failed units: a.service"),
        (
            "system",
            {"failed": "a.service loaded", "reasons": "  No\n\nspace\n"},
            "log lines: No / space",
        ),
        ("system", {"state": Section(1, "maintenance", "", 0)}, "is maintenance, not running"),
        ("system", {"state": Section(127, "", "systemctl: not found", 0)}, "systemctl: not found"),
    ],
)
def test_each_check_fails(name: str, sections: dict[str, Section | str], detail: str) -> None:
    found = evidence(machine(**sections))
    assert not found[name][0]
    assert detail in found[name][1]
    # the firewall is asked about IPv6 where there is an address
    alone = {other for other, (passed, _) in found.items() if not passed} - {"firewall"}
    assert alone == {name} - {"firewall"}


def test_a_port_that_waits_for_data_may_listen_and_is_open() -> None:
    silent = machine(listeners="tcp LISTEN 0 1 [::]:22 [::]:*")
    for known in (HEALTHY, silent):
        request = replace(REQUEST, ports=[Port(port=80, protocol="http", needs_data=True)])
        found = {check.name: check for check in results(known, request)}
        assert found["listeners"].passed
        assert "tcp 80" in found["firewall"].detail


def of_udp(udp: int, *, data: bool = False, **sections: str) -> dict[str, tuple[bool, str]]:
    """WireGuard listens on udp 80 (all of them know that number) and is let in, too."""
    wireguard = {
        "listeners": with_listener("udp UNCONN 0 0 0.0.0.0:80 0.0.0.0:*"),
        "nft": recorded("nixos-nft.json").replace(
            '"flags": ["interval"]', '"flags": ["interval"], "elem": [{"concat": ["udp", 80]}]'
        ),
    }
    request = replace(
        REQUEST, ports=[*REQUEST.ports, Port(port=udp, protocol="udp", needs_data=data)]
    )
    return {
        c.name: (c.passed, c.detail) for c in results(machine(**(wireguard | sections)), request)
    }


def test_udp() -> None:
    found = of_udp(80)
    heard = "tcp 22, tcp 80, udp 80 (UDP ports are not probed over the network)"
    assert found["listeners"] == (True, f"{heard}, the DHCP client on udp 68, udp 546")
    assert found["firewall"] == (
        True,
        "IPv4 and IPv6: tcp 22, tcp 80, udp 80, all others are refused",
    )


def test_udp_fails() -> None:
    silent = of_udp(80, listeners=HEALTHY.text("listeners"), nft=recorded("nixos-nft.json"))
    assert silent["listeners"] == (False, "declared, but nothing listens on udp 80")
    assert silent["firewall"] == (False, "IPv4: declared, but not open: udp 80")
    other = of_udp(81)
    assert other["listeners"][1].startswith("not declared: udp 0.0.0.0:80: ")
    rule = "rule 16 of `inet nixos-fw input-allow`"
    assert other["firewall"] == (False, f"IPv4: open, but not declared: udp 80, by {rule}")
    bound = of_udp(80, listeners=with_listener("udp UNCONN 0 0 127.0.0.1:80 0.0.0.0:*"))
    assert bound["listeners"] == (False, "declared, but nothing listens on udp 80")


def test_udp_that_waits_for_data() -> None:
    assert of_udp(80, data=True, listeners=HEALTHY.text("listeners"))["listeners"][0]


def test_iptables_instead_of_nftables() -> None:
    sixth = recorded("nixos-ip6tables.txt").replace("8000:8010", "80")
    found = evidence(machine(nft=NO_NFT, iptables=IPTABLES, ip6tables=sixth))
    assert found["firewall"] == (True, "IPv4 and IPv6: tcp 22, tcp 80, all others are refused")


def test_without_ipv6_only_ipv4_counts() -> None:
    only = HEALTHY.text("addresses").partition("    inet6 fe80")[0]
    found = evidence(machine(nft=NO_NFT, iptables=IPTABLES, addresses=only))
    assert found["firewall"][1].startswith("IPv4: tcp 22")


def test_the_addresses_of_busybox() -> None:
    known = machine(addresses=recorded("busybox-addresses.txt"))
    assert [a for a in known.addresses if a.lifetime] == [
        facts.Address("eth0", "10.77.2.15", dynamic=True, lifetime=86369),
        facts.Address("eth0", "fec0::5054:ff:fe12:3456", dynamic=True, lifetime=86375),
    ]


def test_a_probe_cut_short_keeps_what_is_whole() -> None:
    text = recorded("probe.txt")
    known = probe.parse(text[: text.index("@@@ end listeners")], "")
    assert known.text("sudo") == "0"
    with pytest.raises(Failed, match="the probe ended before `listeners`"):
        known.listeners  # noqa: B018


def test_of_a_root_on_zfs_the_pool_counts() -> None:
    """A data set is only what it holds and what the pool has left."""
    found = evidence(machine(root=f"{DATA_SET}\n{2816 << 20}"))
    assert found["root-size"] == (True, "2816 MiB of a disk of 4096 MiB (a ZFS pool)")


@pytest.mark.parametrize(
    ("kind", "source", "pool"), [("zfs", "tank/system/root", 6656), ("ext4", "/dev/vda1", None)]
)
def test_the_probe_asks_zfs_for_its_pool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, source: str, pool: int | None
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 1 0:2 / / rw - rootfs rootfs rw\n"
        f"24 1 0:21 / / rw,relatime shared:1 - {kind} {source} rw,xattr\n"
        "31 24 0:26 / /proc rw,relatime shared:6 - proc proc rw\n"
    )
    script = probe.SCRIPT.replace("/proc/self/mountinfo", str(mounts))
    monkeypatch.setattr(probe, "SCRIPT", script)
    known = probed(
        tmp_path,
        "root",
        sudo='shift; exec "$@"',
        zpool=f'[ "$*" = "list -Hpo size tank" ] && echo {6656 << 20}',
    )
    assert known.pool_mib == pool
    assert known.root_mib > 0
    assert f"type {kind}" in known.lines("root")


def probed(
    path: Path,
    *sections: str,
    wait: float = 60,
    env: dict[str, str] | None = None,
    **programs: str,
) -> facts.Facts:
    """Run the real script with these programs before those of this machine."""
    for name, text in programs.items():
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    done = run(
        ["sh", "-c", probe.command(*(sections or ("state", "sudo", "no-such")), wait=wait)],
        stdin=probe.SCRIPT,
        env={"PATH": f"{path}:{os.environ['PATH']}"} | (env or {}),
    )
    return probe.parse(done.stdout, done.stderr)


def test_the_probe_waits_until_the_system_has_started(tmp_path: Path) -> None:
    log = tmp_path / "log"
    known = probed(
        tmp_path,
        sudo='shift; exec "$@"',
        sleep=":",
        systemctl=f"echo x >>{log}; [ $(wc -l <{log}) -lt 3 ] || {{ echo degraded; exit 1; }}; "
        "echo starting; exit 1",
    )
    assert log.read_text() == "x\nx\nx\n"
    assert known.state == "degraded"
    assert known.sections["state"].code == 1
    assert known.sections["no-such"].code == 1


def test_the_probe_waits_as_long_as_it_is_told(tmp_path: Path) -> None:
    """Then it names what the system waits for (nixpkgs #14991, #191105)."""
    known = probed(
        tmp_path,
        *("state", "jobs"),
        wait=2,  # of whole seconds of the uptime
        sudo='shift; exec "$@"',
        systemctl='if [ $1 = list-jobs ]; then echo "$JOBS"; else echo starting; exit 1; fi',
        env={"JOBS": JOBS},
    )
    assert 1000 <= known.sections["state"].milliseconds < 60000
    with pytest.raises(Failed) as failure:
        inside.system(subject(known.updated(facts.Facts({"failed": Section(0, "", "", 0)}))))
    assert str(failure.value).startswith(
        "still starting after 300 s, held by: pull.service start running, acme-web.service start "
        "running. Set a larger flakeship:bootTimeout"
    )


JOBS = """\
  123 multi-user.target start waiting
   99 pull.service      start running
  101 acme-web.service  start running"""


@pytest.mark.parametrize(
    ("nft", "asked"),
    [
        ("cat $RECORDED/nixos-nft.json", False),
        ("cat $RECORDED/iptables-nft.json", True),  # rules that only iptables reads whole
        ("echo '{}'", True),  # nothing refuses anything
        ("exit 127", True),
    ],
)
def test_the_probe_asks_iptables_where_nftables_is_not_the_whole(
    tmp_path: Path, nft: str, asked: bool
) -> None:
    known = probed(
        tmp_path,
        "nft",
        nft=nft,
        sudo='shift; exec "$@"',
        env={"RECORDED": str(Path(__file__).with_name("recorded"))},
        **SAVED,
    )
    assert known.sections.keys() == {"nft", *(["iptables", "ip6tables"] if asked else [])}
    for name in [*known.sections][1:]:
        assert known.text(name) == recorded(f"nixos-{name}.txt").strip()
    assert known.sections["nft"].code == (127 if nft == "exit 127" else 0)


SAVED: dict[str, Any] = {
    "iptables-save": "cat $RECORDED/nixos-iptables.txt",
    "ip6tables-save": "cat $RECORDED/nixos-ip6tables.txt",
}


def test_a_refused_sudo_leaves_the_rest_to_the_user(tmp_path: Path) -> None:
    known = probed(
        tmp_path,
        sudo="echo 'sudo: a password is required' >&2; exit 1",
        id="echo 1000; echo sudo: unable to resolve host >&2",
        systemctl="echo running",
    )
    assert known.state == "running"
    assert known.sections["sudo"].stderr == "sudo: unable to resolve host"
    with pytest.raises(Failed, match="does not make nixos root: sudo: a password is required"):
        inside.sudo(subject(known))


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.53%lo", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("0.0.0.0", False),
        ("*", False),
        ("[::]", False),
        ("[::]%eth0", False),
        ("[fe80::1%eth0]", False),
        ("[fe80::5054:ff:fe12:3456]%ens3", False),
        ("10.0.2.15%ens3", False),
    ],
)
def test_what_only_the_machine_itself_reaches(address: str, loopback: bool) -> None:
    assert facts.Listener("tcp", address, 1, "").loopback is loopback


def test_a_probe_is_run_again_where_its_connection_was_lost() -> None:
    whole = recorded("probe.txt")
    begun = Result(255, whole[: whole.index("@@@ end sudo")], "@@@ begin state 23.45 -\n")
    shell = Shell(begun, Result(0, whole, ""))
    assert probe.run(shell).sections == HEALTHY.sections
    with pytest.raises(CommandError, match="no output") as failure:
        probe.run(Shell(begun, replace(begun, stdout="@@@ begin state 23.45 -\n")))
    assert (failure.value.code, failure.value.exit_code) == ("probe-failed", 255)


class Local:
    """A login on a machine that says this, and then that it is down."""

    def __init__(self, path: Path, *said: str) -> None:
        self.files = [path / str(number) for number in range(len(said))]
        for file, text in zip(self.files, said, strict=True):
            file.write_text(text)

    def run(self, command: str, *, most: int = MIB, **_: Any) -> Result:
        assert command.startswith("sh -c")
        return run(["cat", self.files.pop(0)], check=False, most=most)


def section(name: str, text: str) -> str:
    return f"\n@@@ begin {name} 2.00 -\n{text}\n\n@@@ end {name} 2.10 0\n"


def test_the_rules_of_a_host_with_a_blocklist_are_read(tmp_path: Path) -> None:
    rules = json.loads(recorded("nixos-nft.json"))
    named = {"family": "inet", "name": "blocked", "table": "nixos-fw"}
    blocked = [f"192.0.{n // 256}.{n % 256}" for n in range(1 << 16)] * 3
    rules["nftables"].append({"set": {**named, "elem": blocked}})
    text = recorded("probe.txt") + section("nft", json.dumps(rules))
    assert 2 * MIB < len(text) < probe.OUTPUT
    found = evidence(probe.run(Local(tmp_path, text)))
    assert found["firewall"] == evidence(HEALTHY)["firewall"]


@pytest.mark.parametrize("name", ["iptables", "listeners", "elsewhere"])
def test_of_a_probe_whose_middle_is_missing_nothing_is_read(tmp_path: Path, name: str) -> None:
    """What is missing may be the rule that opens a port, or the listener behind it."""
    rule = "-A nixos-fw -p tcp --dport 9999 -j nixos-fw-accept\n"
    long = "-A FORWARD -j ACCEPT\n" * (probe.OUTPUT // 2 // 21 + 9)
    accepting = IPTABLES.replace("COMMIT", f"{long}{rule}{long}COMMIT")
    text = recorded("probe.txt") + section("nft", '{"nftables": []}')
    second = section(name, accepting) + section("ip6tables", recorded("nixos-ip6tables.txt"))
    known = probe.run_all(Local(tmp_path, text, second))
    found = evidence(known)
    assert not any(passed for passed, _ in found.values()), found
    assert f"more than {probe.OUTPUT} bytes" in found["firewall"][1]
    assert inside_of(known).startswith("the probe script wrote")


def inside_of(known: facts.Facts) -> str:
    with pytest.raises(Failed) as failed:
        inside.system(subject(known))
    return str(failed.value)
