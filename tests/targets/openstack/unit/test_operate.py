"""Login: which server is meant, and how it is reached; the cloud of a stack."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.operate import actions
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.state.stack import Stack
from flakeship.targets.openstack import operate
from flakeship.targets.openstack.operate import OpenStackOperator
from flakeship.targets.openstack.requests import Bastion, OwnBastion, VerifyServerRequest
from flakeship.targets.openstack.servers import verify_server
from tests.targets.openstack.unit.samples import BASTION as SAMPLE
from tests.targets.openstack.unit.samples import REQUEST
from tests.unit.verify.machines import ED25519

LOCAL: dict[str, Any] = {
    "web": {"target": "local", "machine": "web-2", "release": "r", "ssh": "unused"}
}


def server(name: str, ssh: str, address: str, bastion: object) -> dict[str, Any]:
    own = {"bastion": bastion, "flavor": "m1.memory"}
    common = {"machine": f"{name}-2", "release": "r", "ssh": ssh, "address": address}
    return {"target": "openstack", **common, "openstack": own}


BASTION = SshOptions(Endpoint("web-2", "203.0.113.7", 22, "nixos"), [ED25519]).command_line()
DB = SshOptions(Endpoint("db-2", "10.20.0.5", 22, "nixos", "/a key"), [ED25519])
CLOUD: dict[str, Any] = {
    "web": server("web", BASTION, "203.0.113.7", plain(replace(SAMPLE, name="web-2"))),
    "db": server("db", DB.command_line(), "10.20.0.5", None),
}


def command(servers: dict[str, Any], name: str, resources: Sequence[dict[str, Any]] = ()) -> str:
    target = "local" if servers is LOCAL else "openstack"
    header = {"schema": 1, "version": "0.2.0", "target": target}
    outputs = {"flakeship": header, "running": {"web": "r"}, "servers": servers}
    stack = {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": outputs}
    return shlex.join(actions.login(Stack("dev", {"resources": [stack, *resources]}), name))


def refusal(servers: dict[str, Any], name: str, *resources: dict[str, Any]) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as refused:
        command(servers, name, resources)
    return refused.value


def port(machine: str) -> dict[str, Any]:
    addresses = ["fd00::9", "10.20.0.9"]
    return {"urn": f"u::port-{machine}", "type": "p", "outputs": {"allFixedIps": addresses}}


def verification(machine: str, bastion: Bastion | None = None) -> dict[str, Any]:
    asked = replace(REQUEST.verify, machine=machine, user="nixos", identity="/key")
    return {
        "urn": f"u::{machine}",
        "type": "flakeship:openstack:Verification",
        "inputs": plain(replace(REQUEST, verify=asked, bastion=bastion)),
        "outputs": {"result": plain(Evidence(machine, 1, [ED25519], 3.0, []))},
    }


@pytest.mark.parametrize("name", ["web", "", "web-2"])
def test_the_only_server_needs_no_name(name: str) -> None:
    assert command(LOCAL, name) == "ssh -F .state/dev/ssh_config web"


def test_a_name_is_needed_among_several() -> None:
    error = refusal(CLOUD, "")
    assert (error.code, error.allowed) == ("server-ambiguous", "web, db")


def test_a_near_match_is_offered() -> None:
    error = refusal(CLOUD, "wbe")
    assert (error.code, error.key, error.allowed) == ("server-unknown", "wbe", "web, db")
    assert error.remedy == "did you mean web?"
    assert refusal(LOCAL, "mail").remedy == ""


def test_nothing_verified_yet() -> None:
    assert refusal({}, "web").code == "nothing-verified"


def test_a_server_with_a_public_address_needs_no_bastion() -> None:
    assert command(CLOUD, "web") == CLOUD["web"]["ssh"]


def test_a_server_with_a_private_address_is_reached_through_a_bastion() -> None:
    proxy = f"ProxyCommand={BASTION} -W 10.20.0.5:22"
    words = [*DB.login()[:-1], "-o", proxy, "nixos@10.20.0.5"]
    assert shlex.split(command(CLOUD, "db")) == words


def test_without_a_bastion_the_private_address_is_tried(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert command({"db": CLOUD["db"]}, "db") == CLOUD["db"]["ssh"]
    assert "db has only the private address 10.20.0.5" in caplog.text


PROXY = f"ProxyCommand={BASTION} -W 10.20.0.9:22"


def test_a_standby_machine_is_reached_through_an_active_server() -> None:
    state = [port("web-1"), verification("web-1"), verification("web-2")]
    words = shlex.split(command(CLOUD, "web-1", state))
    assert words[-2:] == [PROXY, "nixos@10.20.0.9"]
    assert "HostKeyAlias=web-1" in words
    assert f"KnownHostsCommand=/usr/bin/env echo web-1 {ED25519}" in words
    assert "IdentityFile=/key" in words


def test_an_unverified_machine_has_no_pinned_key() -> None:
    words = shlex.split(command(CLOUD, "web-3", [port("web-3"), verification("web-2")]))
    assert words[-2:] == [PROXY, "nixos@10.20.0.9"]
    assert not any(word.startswith("KnownHosts") for word in words)


def test_the_active_machine_is_its_server() -> None:
    assert command(CLOUD, "web-2", [port("web-2")]) == CLOUD["web"]["ssh"]


@pytest.mark.parametrize(("servers", "name"), [(CLOUD, "web-7"), ({"db": CLOUD["db"]}, "web-1")])
def test_a_machine_that_is_not_there_or_has_no_way_to_it(
    servers: dict[str, Any], name: str
) -> None:
    assert refusal(servers, name, port("web-1"), verification("web-1")).code == "server-unknown"


GATE = OwnBastion("bastion", "bastion.example.com", "alice", [ED25519], 2222, "/50% k")
OWN_GATE = SshOptions(GATE.endpoint(""), [ED25519])
BEHIND = replace(DB, proxy=OWN_GATE.proxy_to("10.20.0.5", 22)).command_line()
OWN: dict[str, Any] = {"db": server("db", BEHIND, "10.20.0.5", None)}


@pytest.mark.parametrize("servers", [OWN, {"web": CLOUD["web"], **OWN}])
def test_a_server_behind_a_bastion_of_ones_own(servers: dict[str, Any]) -> None:
    assert command(servers, "db") == BEHIND
    assert "%%" in BEHIND


@pytest.mark.parametrize("servers", [OWN, {"web": CLOUD["web"], **OWN}])
def test_another_machine_behind_it(servers: dict[str, Any]) -> None:
    state = [port("db-1"), verification("db-1"), verification("db-2")]
    asked = SshOptions(Endpoint("db-1", "10.20.0.9", 22, "nixos", "/key"), [ED25519])
    through = replace(asked, proxy=OWN_GATE.proxy_to("10.20.0.9", 22))
    assert command(servers, "db-1", state) == through.command_line()


def test_an_unverified_machine_is_reached_as_its_server_is() -> None:
    words = shlex.split(command(OWN, "db-3", [port("db-3"), verification("db-2")]))
    assert words[-1] == "nixos@10.20.0.9"
    assert not any(word.startswith("KnownHosts") for word in words)
    assert "KnownHostsCommand" in words[-2]


BEFORE = replace(GATE, address="192.0.2.1")


@pytest.mark.parametrize(
    ("servers", "own", "active"),
    [
        ({"web": CLOUD["web"]}, GATE, None),
        ({"web": CLOUD["web"]}, BEFORE, GATE),
        ({"web": CLOUD["web"]}, SAMPLE, GATE),
        ({}, GATE, None),
    ],
    ids=["floating", "another before", "none before", "failed first run"],
)
def test_a_machine_is_reached_through_the_bastion_that_it_was_verified_through(
    servers: dict[str, Any], own: Bastion, active: Bastion | None
) -> None:
    """No login of an active server goes through it."""
    state = [port("web-1"), verification("web-1", own), verification("web-2", active)]
    asked = SshOptions(Endpoint("web-1", "10.20.0.9", 22, "nixos", "/key"), [ED25519])
    through = replace(asked, proxy=OWN_GATE.proxy_to("10.20.0.9", 22))
    assert command(servers, "web-1", state) == through.command_line()


def test_a_machine_that_failed_in_the_first_run_is_reached_as_the_others_are() -> None:
    words = shlex.split(command({}, "db-1", [port("db-1"), verification("web-1", GATE)]))
    assert words[-1] == "nixos@10.20.0.9"
    assert "alice@bastion.example.com" in words[-2]
    assert not any(word.startswith("KnownHosts") for word in words)
    assert refusal({}, "db-1", port("db-1")).code == "nothing-verified"
    assert refusal({}, "", port("web-1"), verification("web-1", GATE)).code == "nothing-verified"


@pytest.mark.parametrize("part", ["address", "name", "host_keys"])
def test_a_bastion_of_a_hostile_state_is_not_run(part: str) -> None:
    value: Any = ["-oProxyCommand=id"] if part == "host_keys" else "-oProxyCommand=id"
    its = verification("web-1", replace(GATE, **{part: value}))
    error = refusal({}, "web-1", port("web-1"), its)
    assert error.code == "state-unreadable"


@pytest.mark.parametrize("part", ["user", "address"])
def test_a_machine_of_a_hostile_state_is_not_logged_in_to(part: str) -> None:
    own, its = port("db-1"), verification("db-1")
    if part == "user":
        its["inputs"]["verify"]["user"] = "-oProxyCommand=id"
    else:
        own["outputs"]["allFixedIps"] = ["-oProxyCommand=id"]
    error = refusal(OWN, "db-1", own, its, verification("db-2"))
    assert error.code in {"state-unreadable", "request-unreadable"}


def test_an_older_machine_is_checked_through_the_bastion_of_today(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That of its own verification may be gone, or have another key."""
    seen: dict[str, VerifyServerRequest] = {}

    def verify(request: VerifyServerRequest, *_: object, **__: object) -> Evidence:
        seen[request.machine] = request
        return Evidence(request.machine, 1, [ED25519], 1.0, [])

    monkeypatch.setattr(verify_server, "verify_existing", verify)
    before = replace(GATE, host_keys=["ssh-ed25519 AAAA"])
    state = []
    for machine, through in (("db-1", before), ("db-2", GATE), ("web-1", SAMPLE)):
        found = verification(machine)
        asked = replace(REQUEST, access="bastion", bastion=through)
        asked = replace(asked, verify=replace(asked.verify, machine=machine))
        found["inputs"] = plain(asked)
        state.append(found)
    outputs = {"flakeship": {"schema": 1, "version": "0.2.0", "target": "openstack"}}
    own = {**outputs, "running": {"db": "r"}, "servers": OWN}
    stack = {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": own}
    OpenStackOperator(Stack("dev", {"resources": [stack, *state]})).verify()
    assert {name: request.bastion for name, request in seen.items()} == {
        "db-1": GATE,
        "db-2": GATE,
        "web-1": SAMPLE,
    }


HOSTILE = (
    "touch /tmp/pwned",
    "sh -c 'touch /tmp/pwned'",
    f"{BASTION} touch /tmp/pwned",
    f"{BASTION}; touch /tmp/pwned",
    f"{BASTION}\ntouch /tmp/pwned",
    BASTION.replace("ssh", "./ssh", 1),
    BASTION.replace("-F", "-o ProxyCommand=x -F"),
    BASTION.replace("UpdateHostKeys=no", "ProxyCommand=x"),
    BASTION.replace("UpdateHostKeys=no", "PermitLocalCommand=yes"),
    BASTION.replace("KnownHostsCommand=/usr/bin/env echo", "KnownHostsCommand=/tmp/x"),
    BASTION.replace("-F /dev/null", "-F /tmp/x"),
    BASTION.replace("nixos@", "-oProxyCommand=x@"),
    BASTION.replace("203.0.113.7", "$(touch /tmp/pwned)"),
    BASTION.replace("UserKnownHostsFile=/dev/null", "UserKnownHostsFile=/tmp/x"),
    f"{BEHIND} touch /tmp/pwned",
    BEHIND.replace("-W 10.20.0.5:22", "-W 10.20.0.5:22; touch /tmp/pwned"),
    BEHIND.replace("alice@", "$(touch /tmp/pwned)@"),
    BEHIND.replace("-W 10.20.0.5:22", "-W 10.20.0.6:22"),
    "ssh 'unclosed",
    "",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_command_of_the_state_is_not_run_unless_it_is_a_login_of_ours(text: str) -> None:
    web = {**CLOUD["web"], "ssh": text}
    for name, state in (("web", []), ("db", []), ("web-1", [port("web-1"), verification("web-2")])):
        error = refusal(CLOUD | {"web": web}, name, *state)
        assert error.code in {"state-unreadable", "outputs-unreadable"}, name
        assert "web" in f"{error.key} {error.what}"


PROVIDER = {"urn": "u::cloud", "type": "pulumi:providers:openstack", "inputs": {"cloud": "lab"}}


def cloud_of(monkeypatch: pytest.MonkeyPatch, settings: object, *resources: Any) -> str:
    known = {} if settings is None else {"flakeship:openstack": {"objectValue": settings}}
    monkeypatch.setattr(operate, "configuration", lambda _: known)
    return OpenStackOperator(Stack("dev", {"resources": [*resources]})).cloud


def test_the_cloud_is_that_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cloud_of(monkeypatch, {"cloud": "prod"}, PROVIDER) == "lab"
    assert cloud_of(monkeypatch, {"cloud": "prod"}, {**PROVIDER, "inputs": {}}) == ""


@pytest.mark.parametrize("settings", [{"cloud": "prod"}, {}, None])
def test_while_the_state_is_empty_it_is_that_of_the_settings(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str] | None
) -> None:
    assert cloud_of(monkeypatch, settings) == (settings or {}).get("cloud", "")
