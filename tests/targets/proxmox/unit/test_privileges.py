"""Which privileges a token has, which it needs, and how it gets them."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from flakeship.targets.proxmox.api.login import Login
from flakeship.targets.proxmox.privileges import Need, Permissions, grant, has, needs
from tests.targets.proxmox.unit.cluster import permissions

CALLER = Login("https://pve1:8006", "iac@pve!ci", "iac@pve!ci=x")
WANTED: dict[str, Any] = {
    "pool": "iac",
    "images": "local",
    "disks": "local-lvm",
    "bridges": [("vmbr0", 0)],
    "ha": False,
}


def lacking(found: Permissions, release: tuple[int, int], **more: Any) -> dict[str, list[str]]:
    wanted = needs(release=release, permissions=found, **{**WANTED, **more})
    return {need.path: each for need in wanted if (each := need.missing(found))}


@pytest.mark.parametrize(
    ("path", "privilege", "expected"),
    [
        ("/vms/100", "VM.Audit", True),
        ("/vms", "VM.Audit", True),
        ("/vms/100", "VM.Clone", False),  # is not inherited
        ("/vms", "VM.Clone", True),
        ("/storage/local", "Datastore.Audit", True),
        ("/storage/local", "Sys.Audit", False),  # what is nearer replaces what is above
        ("/storage/other", "Sys.Audit", True),
        ("/", "Sys.Audit", True),
        ("/", "VM.Audit", False),
    ],
)
def test_privileges_are_inherited(path: str, privilege: str, *, expected: bool) -> None:
    found = {
        "/": {"Sys.Audit": 1},
        "/vms": {"VM.Audit": 1, "VM.Clone": 0},
        "/storage/local": {"Datastore.Audit": 1},
    }
    assert has(found, path, privilege) is expected


@pytest.mark.parametrize("release", [(8, 4), (9, 2)])
def test_the_least_privileges_are_enough(release: tuple[int, int]) -> None:
    found = permissions(release)
    assert lacking(found, release) == {}
    for path, each in found.items():
        for name in each:
            less = {p: {n: 1 for n in e if (p, n) != (path, name)} for p, e in found.items()}
            assert lacking(less, release) == {path: [name]}, "it is not needed"


def test_versions_need_others() -> None:
    assert lacking(permissions((8, 4)), (9, 2)) == {
        "/pool/iac": ["VM.GuestAgent.Audit", "VM.GuestAgent.FileRead"],
        "/vms": ["VM.Config.Options"],
    }
    assert lacking(permissions((9, 2)), (8, 4)) == {"/pool/iac": ["VM.Monitor"]}


def test_more_than_what_is_needed_does_too() -> None:
    found = permissions((9, 2))
    pool = {**found["/pool/iac"], "VM.GuestAgent.Unrestricted": 1}
    del pool["VM.GuestAgent.Audit"], pool["VM.GuestAgent.FileRead"]
    assert lacking({**found, "/pool/iac": pool}, (9, 2)) == {}


@pytest.mark.parametrize(
    ("release", "way", "missing"),
    [
        ((9, 2), {"VM.Console"}, {}),
        ((9, 2), {"VM.GuestAgent.FileRead"}, {}),
        ((9, 2), set(), {"/pool/iac": ["VM.GuestAgent.FileRead"]}),
        ((8, 4), set(), {}),  # VM.Monitor, which is needed anyway, reads files too
    ],
)
def test_one_way_to_the_host_keys_is_enough(
    release: tuple[int, int], way: set[str], missing: dict[str, list[str]]
) -> None:
    found = permissions(release)
    pool = {name: 1 for name in found["/pool/iac"] if name != "VM.GuestAgent.FileRead"}
    pool |= dict.fromkeys(way, 1)
    assert lacking({**found, "/pool/iac": pool}, release) == missing


def test_an_administrator_lacks_nothing() -> None:
    every = {name: 1 for each in permissions((9, 2)).values() for name in each}
    assert (
        lacking({"/": {**every, "Sys.Audit": 1, "Sys.Console": 1}}, (9, 2), ha=True, pool="") == {}
    )


def test_without_a_pool_it_is_all_machines() -> None:
    assert "/vms" in lacking(permissions((8, 4)), (8, 4), pool="")
    assert lacking(permissions((8, 4)), (8, 4), ha=True) == {"/": ["Sys.Audit", "Sys.Console"]}


def test_one_storage_for_both_needs_both() -> None:
    (found,) = lacking({}, (8, 4), disks="local").keys() & {"/storage/local"}
    assert found == "/storage/local"


def test_a_vnet_is_in_the_zone_that_the_token_may_use_it_in() -> None:
    found = {**permissions((8, 4)), "/sdn/zones/lab/vnet1": {"SDN.Use": 1}}
    assert lacking(found, (8, 4), bridges=[("vnet1", 0)]) == {}
    assert lacking(found, (8, 4), bridges=[("vnet2", 0)]) == {
        "/sdn/zones/localnetwork/vnet2": ["SDN.Use"]
    }


def test_a_vlan_may_be_granted_alone() -> None:
    found = {**permissions((8, 4)), "/sdn/zones/localnetwork/vmbr0": {}}
    tagged = {**found, "/sdn/zones/localnetwork/vmbr0/20": {"SDN.Use": 1}}
    assert lacking(tagged, (8, 4), bridges=[("vmbr0", 20)]) == {}
    assert lacking(tagged, (8, 4), bridges=[("vmbr0", 30)])


def test_the_command_grants_user_and_token() -> None:
    need = Need("/pool/a b", ["VM.Audit", "VM.Clone"], "FlakeshipMachines")
    line = grant(CALLER, need.path, need.privileges, need.role)
    words = shlex.split(line)
    assert words.count("FlakeshipMachines") + words.count("FlakeshipMachines;") == 3
    assert {"/pool/a b", "VM.Audit,VM.Clone", "iac@pve", "iac@pve!ci"} <= {
        word.removesuffix(";") for word in words
    }
