"""What the appliance cannot boot with, or a cluster alone can do: in a lab in which nothing boots.

A verification is replaced by one that finds everything in order.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dev.bench.stand_in import replaced
from dev.proxmox.__main__ import selection
from dev.proxmox.access import AUTOMATION, least_privilege
from dev.proxmox.server import Server
from dev.proxmox.site import Site
from flakeship.system import tcp
from flakeship.targets.proxmox import destroy
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.inventory import Vm
from tests.dev.proxmox.no_guests import NoGuests
from tests.targets.proxmox.e2e.project import WEB, ClusterStack, stack_on_cluster

VERIFICATION = Path("flakeship/targets/proxmox/guest/verify_machine.py")
IN_ORDER = """

def verify_machine(request: VerifyMachineRequest, pinned: Sequence[str]) -> MachineEvidence:
    return MachineEvidence(request.machine, 1, ["ssh-ed25519 AAAA"], 0.0, [], address="198.18.0.1")
"""
GROUP = "fast" if Site.from_environment().version == "8.4" else ""  # 9 has none
MANAGED = {**WEB, "proxmox": {"ha": True, "haGroup": GROUP}}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterStack]:
    """A stack whose image is one for UEFI, as its manifest says."""
    (port,) = tcp.free_ports(1)
    site = replace(Site.from_environment(), folder=tmp_path_factory.mktemp("lab"), port=port)
    with (
        Server(site, NoGuests(), task_seconds=0.0) as server,
        pytest.MonkeyPatch.context() as patch,
    ):
        thread = threading.Thread(target=server.run)
        thread.start()
        grants = {**least_privilege(site.version), "/": ["Sys.Audit", "Sys.Console"]}
        server.lab.access.add_token(AUTOMATION, grants)
        chosen = selection(site, AUTOMATION)
        patch.setenv("SSL_CERT_FILE", chosen["SSL_CERT_FILE"])
        try:
            with stack_on_cluster(tmp_path_factory.mktemp("stack"), **chosen) as made:
                replaced(made.path, VERIFICATION, IN_ORDER)
                made.edit("agent = true;", 'agent = true; firmware = "uefi";', "flake.nix")
                made.settings(MANAGED)
                yield made
        finally:
            server.shutdown()
            thread.join()


def of(stack: ClusterStack, what: str) -> dict[str, Any]:
    """What the one machine's `config` or `status/current` says."""
    (vm,) = stack.machines().values()
    return stack.api.get(dict[str, Any], "nodes", vm.node, "qemu", str(vm.id), *what.split("/"))


def entry(stack: ClusterStack, vmid: int) -> dict[str, Any]:
    """What high availability has of a virtual machine; nothing where it does not manage it."""
    try:
        return stack.api.get(dict[str, Any], "cluster", "ha", "resources", f"vm:{vmid}")
    except ApiError as error:
        if "no such resource" not in error.said:
            raise
        return {}


def test_a_template_for_uefi_and_its_clone_have_the_firmwares_variables(
    stack: ClusterStack,
) -> None:
    stack.up()
    (template,) = (vm for vm in stack.vms() if vm.marks.release)
    place = ("nodes", template.node, "qemu", str(template.id), "config")
    for config in (stack.api.get(dict[str, Any], *place), of(stack, "config")):
        assert config["bios"] == "ovmf"
        volume, *parts = config["efidisk0"].split(",")
        assert {"efitype=4m", "pre-enrolled-keys=0"} <= {*parts}
        assert volume.endswith(".qcow2")
    stack.preview("--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


def test_a_machine_that_the_cluster_manages_is_removed_with_its_entry(stack: ClusterStack) -> None:
    """Whether by a run or by hand: Proxmox VE then only asks for a stop, and does it later."""
    (lost,) = stack.machines().values()
    assert entry(stack, lost.id)["state"] == "started"
    destroy.destroy(stack.api, lost)
    assert entry(stack, lost.id) == {}
    stack.up()
    (made,) = stack.machines().values()
    assert made.id != lost.id
    assert entry(stack, made.id)["state"] == "started"


def test_its_entry_comes_and_goes_with_the_setting_alone(stack: ClusterStack) -> None:
    (made,) = stack.machines().values()
    stack.settings(WEB)
    assert "other high availability" in stack.preview()
    stack.up()
    assert entry(stack, made.id) == {}
    stack.settings(MANAGED)
    stack.up()
    found = entry(stack, made.id)
    assert (found["state"], found.get("group", "")) == ("started", GROUP)
    assert stack.machines().keys() == {made.marks.machine}
    stack.preview("--expect-no-changes")


def test_a_protected_machine_is_told_by_each_run_and_goes_once_it_is_not(
    stack: ClusterStack,
) -> None:
    """Its server may come back meanwhile: it gets another machine."""
    api = {**WEB, "name": "api"}
    stack.settings(WEB, api)
    stack.up()
    kept = stack.machines()[stack.machine("api")]
    protect(stack, kept, 1)
    stack.settings(WEB)
    for _ in range(2):
        said = stack.fails()
        assert "is protected against removal" in said
        assert f"qm set {kept.id} --protection 0" in said
    stack.settings(WEB, api)
    assert "is protected against removal" in stack.fails()
    assert len(stack.machines()) == 3
    protect(stack, kept, 0)
    stack.up()
    assert kept.id not in {vm.id for vm in stack.vms()}
    assert len(stack.machines()) == 2
    stack.preview("--expect-no-changes")


def protect(stack: ClusterStack, vm: Vm, protection: int) -> None:
    place = ("nodes", vm.node, "qemu", str(vm.id), "config")
    stack.api.call("PUT", *place, protection=protection)
