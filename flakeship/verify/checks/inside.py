"""Checks inside a machine: of what it reports of itself, and of what Nix does there."""

from __future__ import annotations

import ipaddress
import shlex
import uuid
from collections.abc import Iterable

from flakeship.model.errors import CommandError
from flakeship.model.ports import SSH
from flakeship.ssh.options import as_root
from flakeship.system.backoff import backoff
from flakeship.system.process import Shell
from flakeship.verify.checks import probe
from flakeship.verify.checks.facts import Facts, Listener, Subject
from flakeship.verify.checks.firewall import NONE, PortSet
from flakeship.verify.checks.verdict import Failed
from flakeship.verify.request import VerifyRequest

# where a DHCP client listens (IPv4, IPv6): the only ports that need no declaration
DHCP_CLIENTS = PortSet.of([("udp", 68), ("udp", 546)])
FILLED = 85  # the least percentage of the disk in the root file system, beside boot and metadata
BESIDE_POOL = 1600  # MiB that a ZFS pool may lack: 1 GiB for boot, and a metaslab of up to 512 MiB
SECONDS = 300.0  # for an activation, or a build that does next to nothing
DERIVATION = """derivation {{
  name = "flakeship-{unique}";
  system = builtins.currentSystem;
  builder = "/bin/sh";
  args = [ "-c" "echo {unique} > $out" ];
}}"""


def toplevel(subject: Subject) -> str:
    """The running system is the release's."""
    running, expected = subject.facts().text("toplevel"), subject.request.toplevel
    if running != expected:
        raise Failed(f"{running} is running, the release is {expected}")
    return running


def sudo(subject: Subject) -> str:
    """The user becomes root without a password."""
    facts, user = subject.facts(), subject.request.user
    uid = facts.text("sudo")
    if uid != "0":
        reason = facts.refusal or f"the user id is {uid}"
        raise Failed(f"`sudo -n` does not make {user} root: {reason}")
    return f"{user} may use sudo"


def dhcp(subject: Subject) -> str:
    """The address in the machine's network is a lease, not configured in the machine."""
    facts, subnet = subject.facts(), ipaddress.ip_network(subject.route.subnet)
    own = [a for a in facts.addresses if ipaddress.ip_address(a.address) in subnet]
    if not own:
        others = [a.address for a in facts.addresses if a.interface != "lo"]
        raise Failed(f"no address in {subnet}, only: {', '.join(others) or 'none at all'}")
    for address in own:
        if not address.dynamic or address.lifetime is None:
            raise Failed(f"{address.address} on {address.interface} is static, not a DHCP lease")
    return "; ".join(f"{a.address} on {a.interface}, lease of {a.lifetime} s" for a in own)


def listeners(subject: Subject) -> str:
    """The declared ports have a listener (with data disks: may), and no others beyond loopback."""
    facts, declared = subject.facts(), _declared(subject.request)
    outward = [listener for listener in facts.listeners if not listener.loopback]
    allowed = declared | DHCP_CLIENTS
    if undeclared := [str(listener) for listener in outward if _ports([listener]) - allowed]:
        raise Failed(
            f"not declared: {', '.join(undeclared)}: "
            "declare the port, bind it to loopback or disable the service"
        )
    if missing := missing_listeners(facts, subject.request):
        raise Failed(f"declared, but nothing listens on {missing}")
    clients = _ports(outward) - declared
    unprobed = " (UDP ports are not probed over the network)" if declared.udp else ""
    dhcp_client = f", the DHCP client on {clients}" if clients else ""
    return f"{_ports(outward) & declared}{unprobed}{dhcp_client}"


def firewall(subject: Subject) -> str:
    """The firewall opens the declared ports and no others, for IPv4 and for IPv6."""
    facts, declared = subject.facts(), _declared(subject.request)
    families = {"ip": "IPv4"}
    if any(":" in a.address and a.interface != "lo" for a in facts.addresses):
        families["ip6"] = "IPv6"
    for family, name in families.items():
        opened = facts.firewall(family).opened()
        if opened is None:
            raise Failed(f"{name}: no chain for incoming packets drops or rejects anything")
        if undeclared := opened - declared - DHCP_CLIENTS:
            raise Failed(f"{name}: open, but not declared: {undeclared}")
        if missing := declared - opened:
            raise Failed(f"{name}: declared, but not open: {missing}")
    return f"{' and '.join(families.values())}: {declared}, all others are refused"


def root_size(subject: Subject) -> str:
    """The root file system has grown to its disk."""
    facts, disk = subject.facts(), subject.request.disk
    pool = facts.pool_mib
    least = disk * FILLED // 100
    if pool is not None:
        least = min(least, disk - BESIDE_POOL)
    size, kind = (facts.root_mib, "") if pool is None else (pool, " (a ZFS pool)")
    shown = f"{size} MiB of a disk of {disk} MiB{kind}"
    if size < least:
        raise Failed(f"{shown}: less than {least} MiB, it has not grown")
    return shown


def system(subject: Subject) -> str:
    """All units are up."""
    facts = subject.facts()
    state, failed = facts.state, facts.text("failed").splitlines()
    if failed:
        units = ", ".join(line.split()[0] for line in failed if line.strip())
        why = f"; their last log lines: {facts.reasons}" if facts.reasons else ""
        raise Failed(f"{state}, failed units: {units}{why}")
    if state != "running":
        raise Failed(f"the system is {state}, not running")
    return f"running, no failed units, boot {facts.text('boot')}"


def nix_build(subject: Subject) -> str:
    """Nix builds a derivation that was never built before."""
    expression = DERIVATION.format(unique=uuid.uuid4().hex)
    command = f"nix-build --no-out-link -E {shlex.quote(expression)}"
    try:
        result = subject.shell.run(command, timeout=SECONDS, check=False)
    except CommandError as error:
        raise Failed(f"nix-build did not finish within {SECONDS:.0f} s") from error
    path = result.stdout.strip()
    if result.code != 0 or not path.startswith("/nix/store/"):
        raise Failed(f"nix-build ended with {_ending(result.code, result.stderr)}")
    return path


def reactivation(subject: Subject) -> str:
    """`nixos-rebuild switch` to the running release works, and changes nothing."""
    if subject.route.serving:
        return "skipped: it has the stable address and is serving"
    release = subject.request.toplevel
    command = f"{release}/bin/switch-to-configuration switch"
    try:
        result = subject.shell.run(as_root(command), timeout=SECONDS, check=False)
        running = subject.shell.run("readlink -f /run/current-system", check=False).stdout.strip()
    except CommandError as error:
        raise Failed(f"`{command}` did not finish: {error}") from error
    if result.code != 0:
        output = result.stderr.strip() or result.stdout
        raise Failed(f"`{command}` ended with {_ending(result.code, output)}")
    if running != release:
        raise Failed(f"after `{command}` the running system is {running or 'unknown'}")
    return "switch-to-configuration switch: exit code 0, the release is still running"


def missing_listeners(facts: Facts, request: VerifyRequest) -> PortSet:
    """The declared ports that should have a listener by now; none where it reports no listeners."""
    try:
        present = _ports(each for each in facts.listeners if not each.loopback)
    except Failed:
        return NONE
    later = PortSet.of((port.transport, port.port) for port in request.ports if port.needs_data)
    return _declared(request) - later - present


def await_listeners(facts: Facts, request: VerifyRequest, shell: Shell, patience: float) -> Facts:
    """The current listeners, too; UDP services, which nothing has waited for, have `patience` s."""
    for _ in backoff(patience):
        facts = facts.updated(probe.run(shell, "listeners"))
        if not missing_listeners(facts, request).udp:
            break
    return facts


def _declared(request: VerifyRequest) -> PortSet:
    own = ((port.transport, port.port) for port in request.ports)
    return PortSet.of([("tcp", SSH), *own])


def _ports(listeners: Iterable[Listener]) -> PortSet:
    return PortSet.of((listener.protocol, listener.port) for listener in listeners)


def _ending(code: int, output: str) -> str:
    return f"exit code {code}: {' / '.join(output.strip().splitlines()[-3:])}"
