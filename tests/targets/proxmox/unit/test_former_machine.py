"""An old machine that lets nobody in: what Proxmox VE says of it decides what happens."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.ssh.errors import HostKeyRefusedError, LoginRefusedError
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.cutover import former
from flakeship.targets.proxmox.cutover.cutover import cut_over
from flakeship.targets.proxmox.requests import CutoverRequest
from flakeship.targets.proxmox.resources import Marks, description, marks, tags
from tests.targets.proxmox.unit.cluster import TOKEN, Cluster, Reply
from tests.targets.proxmox.unit.guests import (
    ADDRESS,
    NEW,
    OLD,
    Network,
    after,
    mac,
    machine,
    refused,
    request,
)
from tests.targets.proxmox.unit.site import by_another_checkout
from tests.targets.proxmox.unit.test_tasks import UPID, ends

VM = "nodes/pve1/qemu/9001"
THIRD = machine(3).machine


def marked(stack: str, name: str) -> list[str]:
    """The tags of the machine 9003."""
    return tags(9003, Marks(stack=stack, machine=name))


@pytest.fixture
def api(cluster: Cluster, network: Network, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The old machine has the address, runs, and lets nobody in."""
    monkeypatch.setenv("PROXMOX_VE_API_TOKEN", TOKEN)
    monkeypatch.setattr(former, "SECONDS", 0.0)
    network.put(OLD, ADDRESS)
    network.silent[OLD] = LoginRefusedError("no such key", key=OLD)
    cluster.get("cluster/resources?type=vm", [{"type": "qemu", "vmid": 9001, "node": "pve1"}])
    configure(cluster)
    ends(cluster, "OK", [])
    cluster.get(f"{VM}/status/current", {"status": "running"})
    cluster.replies[f"POST {VM}/status/stop"] = switch(cluster, "stopped", network.off.add)
    cluster.replies[f"POST {VM}/status/start"] = switch(cluster, "running", network.off.discard)
    return cluster


def configure(cluster: Cluster, **more: str) -> None:
    found = {"net0": f"virtio={mac(OLD).upper()},bridge=vmbr0", "tags": ";".join(machine(1).tags)}
    cluster.get(f"{VM}/config", found | more)


def switch(
    cluster: Cluster, status: str, happens: Callable[[str], None]
) -> Callable[[BaseHTTPRequestHandler], None]:
    def behaviour(handler: BaseHTTPRequestHandler) -> None:
        happens(OLD)
        cluster.get(f"{VM}/status/current", {"status": status})
        body = json.dumps({"data": UPID}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behaviour


def asked(cluster: Cluster, number: int = 2, address: str = ADDRESS) -> CutoverRequest:
    access = Access(f"https://127.0.0.1:{cluster.port}", ca_file=str(cluster.certificate))
    return request(number, address, access)


def powered(cluster: Cluster) -> list[str]:
    return [call.rpartition("/")[2] for call in cluster.calls if call.startswith("POST")]


@pytest.mark.parametrize("refusal", [LoginRefusedError("no"), HostKeyRefusedError("no")])
def test_a_machine_that_lets_nobody_in_is_stopped(
    api: Cluster, network: Network, caplog: pytest.LogCaptureFixture, refusal: FlakeshipError
) -> None:
    network.silent[OLD] = refusal
    with caplog.at_level(logging.WARNING):
        cut_over(asked(api), after(1))
    assert powered(api) == ["stop"]
    assert OLD in caplog.text
    assert network.holder(ADDRESS) == NEW


def test_a_removed_address_does_not_stay_on_a_machine_that_lets_nobody_in(
    api: Cluster, network: Network
) -> None:
    cut_over(asked(api, address=""), after(1))
    assert powered(api) == ["stop"]
    assert network.holder(ADDRESS) == ""


def test_a_stopped_machine_is_left_alone(api: Cluster, network: Network) -> None:
    network.off.add(OLD)
    api.get(f"{VM}/status/current", {"status": "stopped"})
    cut_over(asked(api), after(1))
    assert powered(api) == []
    assert network.holder(ADDRESS) == NEW


def test_a_machine_that_is_gone(api: Cluster, network: Network) -> None:
    network.off.add(OLD)
    api.get("cluster/resources?type=vm", [])
    cut_over(asked(api), after(1))
    assert network.holder(ADDRESS) == NEW


def test_somebody_elses_machine_is_not_stopped(api: Cluster, network: Network) -> None:
    """Its id is another machine's now, which has not the address."""
    configure(api, tags="theirs")
    network.stored.clear()
    cut_over(asked(api), after(1))
    assert powered(api) == []
    assert network.holder(ADDRESS) == NEW


def test_somebody_elses_machine_that_answers_keeps_the_address(
    api: Cluster, network: Network
) -> None:
    configure(api, tags="theirs")
    assert refused(asked(api), after(1)).code == "address-in-use"
    assert powered(api) == []
    assert network.holder(ADDRESS) == OLD


def test_a_container_with_its_id_is_not_it(api: Cluster, network: Network) -> None:
    network.stored.clear()
    api.get("cluster/resources?type=vm", [{"type": "lxc", "vmid": 9001, "node": "pve1"}])
    cut_over(asked(api), after(1))
    assert powered(api) == []


def test_a_machine_on_a_node_that_is_down_may_have_the_address(
    api: Cluster, network: Network
) -> None:
    api.replies[f"GET {VM}/config"] = Reply({"data": None}, 595, "No route to host")
    error = refused(asked(api), after(1))
    assert error.code == "former-machine-unreachable"
    assert "pve1" in error.what
    assert "pvecm delnode pve1" in error.remedy
    assert network.stored == {OLD: ADDRESS}


def test_nothing_is_stopped_for_an_address_that_another_machine_has(
    api: Cluster, network: Network
) -> None:
    network.stored.clear()
    network.strangers[ADDRESS] = "02:aa:aa:aa:aa:aa"
    assert refused(asked(api), after(1)).code == "address-in-use"
    assert powered(api) == []


@pytest.mark.parametrize("hangs", [True, False])
def test_a_machine_that_cannot_be_stopped_keeps_the_address(
    api: Cluster, network: Network, hangs: bool
) -> None:
    if hangs:
        api.replies[f"POST {VM}/status/stop"] = switch(api, "running", lambda _: None)
    else:
        del api.replies[f"POST {VM}/status/stop"]
    error = refused(asked(api), after(1))
    assert error.code == "former-machine-unreachable"
    assert "9001" in error.key
    assert error.remedy
    assert network.holder(ADDRESS) == OLD
    assert NEW not in network.stored


def test_the_log_of_a_stop_that_failed_is_told(api: Cluster, network: Network) -> None:
    api.replies[f"POST {VM}/status/stop"] = Reply({"data": UPID})
    ends(api, "VM quit failed", ["TASK ERROR: VM quit failed"])
    error = refused(asked(api), after(1))
    assert error.code == "former-machine-unreachable"
    assert "VM quit failed" in error.what
    assert UPID in error.remedy
    assert [*error.details] == ["  TASK ERROR: VM quit failed"]
    assert network.holder(ADDRESS) == OLD


def test_a_stopped_machine_starts_again_where_the_new_one_fails(
    api: Cluster, network: Network
) -> None:
    network.broken = {(NEW, "set")}
    assert refused(asked(api), after(1)).code == "cutover-failed"
    assert powered(api) == ["start", "stop"]
    assert network.holder(ADDRESS) == OLD


def stray(api: Cluster, tags: list[str], *, mine: bool = True) -> None:
    """A machine that has the address, of which no cutover has told; `mine`: of this checkout."""
    text = description(9003, marks(9003, tags))
    text = text if mine else by_another_checkout(text)
    entry = {"type": "qemu", "vmid": 9003, "node": "pve2", "tags": ";".join(tags)}
    api.get("cluster/resources?type=vm", [entry])
    place = "nodes/pve2/qemu/9003"
    config = {"net0": f"virtio={mac(THIRD)}", "tags": ";".join(tags), "description": text}
    api.get(f"{place}/config", config)
    api.get(f"{place}/status/current", {"status": "running"})

    def stops(handler: BaseHTTPRequestHandler) -> None:
        switch(api, "stopped", lambda _: None)(handler)
        api.get(f"{place}/status/current", {"status": "stopped"})

    api.replies[f"POST {place}/status/stop"] = stops


@pytest.mark.parametrize("previous", ["", after(1), after(1, "")])
def test_a_machine_that_a_killed_run_left_active_is_stopped(
    api: Cluster, network: Network, monkeypatch: pytest.MonkeyPatch, previous: str
) -> None:
    """The next run wants another release: nobody can log in to the one of the killed run."""
    network.silent.clear()
    network.stored = {THIRD: ADDRESS}
    stray(api, machine(3).tags)
    plain = former.Former.release

    def release(self: former.Former, asked: CutoverRequest) -> None:
        plain(self, asked)
        network.off.add(self.machine.machine)

    monkeypatch.setattr(former.Former, "release", release)
    cut_over(asked(api), previous)
    assert powered(api) == ["stop"]
    assert network.holder(ADDRESS) == NEW


@pytest.mark.parametrize(
    "tags",
    [
        ["theirs"],
        marked("prod", "api-aaaa-0003"),
        marked("test", THIRD),
        [tag.replace("9003", "9004") for tag in machine(3).tags],
    ],
    ids=["no tags", "another server", "another stack", "a copy"],
)
def test_another_machine_that_has_the_address_is_not_stopped(
    api: Cluster, network: Network, tags: list[str]
) -> None:
    network.silent.clear()
    network.stored = {THIRD: ADDRESS}
    stray(api, tags)
    assert refused(asked(api), after(1)).code == "address-in-use"
    assert powered(api) == []
    assert network.stored == {THIRD: ADDRESS}


def test_a_machine_of_another_checkout_is_not_stopped(api: Cluster, network: Network) -> None:
    """It may be the active one of a stack of the same name."""
    network.silent.clear()
    network.stored = {THIRD: ADDRESS}
    stray(api, machine(3).tags, mine=False)
    assert refused(asked(api), "").code == "address-in-use"
    assert powered(api) == []


def test_a_missing_key_is_no_reason_to_stop_a_machine(api: Cluster, network: Network) -> None:
    network.silent[OLD] = FlakeshipError("there is no such key", code="identity-missing")
    assert refused(asked(api), after(1)).code == "identity-missing"
    assert powered(api) == []
