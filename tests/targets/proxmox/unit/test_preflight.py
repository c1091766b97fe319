"""What a preview refuses, with the command that mends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.targets.proxmox.inventory import Node, Vm
from flakeship.targets.proxmox.privileges import DISKS, IMAGES
from flakeship.targets.proxmox.resources import Marks
from tests.targets.proxmox.unit.cluster import permissions
from tests.targets.proxmox.unit.schema import server
from tests.targets.proxmox.unit.world import World, inventory, storage
from tests.unit.model.test_ledger import release

Change = Callable[[World], object]


def refused(world: World, *given: Any, **more: Any) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        world.plan(*given, **more)
    return caught.value


def storages(name: str, **more: Any) -> Change:
    """Give one of the storages other properties on each node."""

    def change(world: World) -> None:
        found = [
            storage(s.name, s.node, **(more if s.name == name else {}))
            for s in world.inventory.storages
        ]
        world.change(storages=found)

    return change


def without_storage(name: str, *nodes: str) -> Change:
    return lambda world: world.change(
        storages=[
            s for s in world.inventory.storages if s.name != name or (nodes and s.node not in nodes)
        ]
    )


CLUSTER: dict[str, tuple[Change, str, str, str]] = {
    "too old": (
        lambda world: world.change(version="8.3.5"),
        "pve-too-old",
        "https://pve1.example.com:8006",
        "apt dist-upgrade",
    ),
    "far too old": (
        lambda world: world.change(version="7.4-17"),
        "pve-too-old",
        "https://pve1.example.com:8006",
        "",
    ),
    "no import": (
        storages("local", content=["iso", "backup"]),
        "storage-content",
        "flakeship:proxmox.storage.images",
        "pvesm set local --content iso,backup,import",
    ),
    "no images": (
        storages("local-lvm", content=["rootdir"]),
        "storage-content",
        "flakeship:proxmox.storage.disks",
        "pvesm set local-lvm --content rootdir,images",
    ),
    "no such storage": (
        without_storage("local-lvm"),
        "storage-unknown",
        "flakeship:proxmox.storage.disks",
        "",
    ),
    "no linked clones": (
        storages("local-lvm", type="lvm"),
        "clone-impossible",
        "flakeship:proxmox.clone",
        "full",
    ),
    "no storage on any node": (
        storages("local", available=False),
        "storage-missing",
        "web",
        "pvesm status",
    ),
    "no pool": (
        lambda world: world.change(pools=["other"]),
        "pool-unknown",
        "flakeship:proxmox.pool",
        "pveum pool add iac",
    ),
    "no bridge": (
        lambda world: world.change(bridges={"pve1": ["vmbr9"], "pve2": ["vmbr9"]}),
        "bridge-unknown",
        "flakeship:proxmox.bridge",
        "",
    ),
    "no node online": (
        lambda world: world.change(nodes=[Node("pve1", False), Node("pve2", False)]),
        "node-offline",
        "web",
        "pvecm nodes",
    ),
    "no memory": (
        lambda world: world.change(nodes=[Node("pve1", True, 256, 256)]),
        "memory-too-large",
        "flakeship:servers[web].memory",
        "",
    ),
}


@pytest.mark.parametrize("what", CLUSTER)
def test_a_cluster_that_cannot_have_the_stack(what: str) -> None:
    world = World()
    assert world.plan()
    change, code, key, remedy = CLUSTER[what]
    change(world)
    error = refused(world)
    assert (error.code, error.key) == (code, key)
    assert remedy in error.remedy
    assert "\n" not in str(error)


SETTINGS: list[tuple[Any, dict[str, Any], str, str]] = [
    ([server(node="pve3")], {}, "node-unknown", "flakeship:servers[web].proxmox.node"),
    (None, {"nodes": ["pve1", "pve3"]}, "node-unknown", "flakeship:proxmox.nodes[1]"),
    ([server(bridge="vmbr7")], {}, "bridge-unknown", "flakeship:servers[web].proxmox.bridge"),
    ([{"name": "web", "disk": "500M"}], {}, "", ""),
    ([{"name": "web", "memory": "1T"}], {}, "memory-too-large", "flakeship:servers[web].memory"),
]


@pytest.mark.parametrize(("servers", "own", "code", "key"), SETTINGS)
def test_settings_that_the_cluster_cannot_meet(
    servers: Any, own: dict[str, Any], code: str, key: str
) -> None:
    world = World()
    world.change(permissions={**world.inventory.permissions, "/": {"SDN.Use": 1}})
    if code:
        error = refused(world, servers=servers, own=own)
        assert (error.code, error.key) == (code, key)
        assert error.allowed
    else:
        assert world.plan(servers=servers, own=own)


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    assert "pve2" in refused(World(), servers=[server(node="pve22")]).remedy
    world = World()
    granted = dict.fromkeys([*IMAGES, *DISKS], 1)
    world.change(permissions={**world.inventory.permissions, "/storage": granted})
    error = refused(world, own={"storage": {"images": "locall"}})
    assert (error.code, error.remedy) == ("storage-unknown", "did you mean local?")


NAMES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"pool": "iacc"}, "pool-unknown", "flakeship:proxmox.pool", "did you mean iac?"),
    (
        {"storage": {"images": "locall"}},
        "storage-unknown",
        "flakeship:proxmox.storage.images",
        "did you mean local?",
    ),
    (
        {"storage": {"disks": "ceph"}},
        "storage-unknown",
        "flakeship:proxmox.storage.disks",
        "pvesm status",
    ),
    ({"bridge": "vmbr00"}, "bridge-unknown", "flakeship:proxmox.bridge", "did you mean vmbr0?"),
]


@pytest.mark.parametrize(("own", "code", "key", "remedy"), NAMES)
def test_a_name_that_the_token_does_not_see_may_be_wrong_or_lack_a_privilege(
    own: dict[str, Any], code: str, key: str, remedy: str
) -> None:
    error = refused(World(), own=own)
    assert (error.code, error.key) == (code, key)
    assert "iac@pve!ci sees" in error.what
    assert remedy in error.remedy
    assert "lacks privileges" in error.remedy
    assert error.allowed
    given = next(iter(own.values()))
    (name,) = given.values() if isinstance(given, dict) else [given]
    assert any("pveum acl modify" in each and f"/{name} " in each for each in error.details)


@pytest.mark.parametrize(("own", "code", "key", "remedy"), NAMES)
def test_a_name_that_a_token_with_all_privileges_does_not_see_is_wrong(
    own: dict[str, Any], code: str, key: str, remedy: str
) -> None:
    world = World()
    every = {name: 1 for each in world.inventory.permissions.values() for name in each}
    world.change(permissions={"/": every})
    error = refused(world, own=own)
    assert (error.code, error.key) == (code, key)
    assert "the cluster has no such" in error.what
    assert remedy in error.remedy
    assert not error.details


def test_a_bridge_that_a_token_may_use_and_does_not_see_is_not_there() -> None:
    world = World()
    granted = {"/sdn/zones/localnetwork/vmbr00": {"SDN.Use": 1}}
    world.change(permissions={**world.inventory.permissions, **granted})
    error = refused(world, own={"bridge": "vmbr00"})
    assert (error.code, error.remedy) == ("bridge-unknown", "did you mean vmbr0?")
    assert not error.details


def test_a_token_that_sees_nothing_lacks_privileges_and_names_may_be_wrong_too() -> None:
    world = World()
    world.change(permissions={}, pools=[], storages=[], bridges={"pve1": []})
    error = refused(world)
    assert error.code == "privilege-missing"
    *grants, pool, images, disks, bridge = error.details
    assert all("pveum acl modify" in each for each in grants)
    assert "flakeship:proxmox.pool may be misspelt" in pool
    assert "local " in images
    assert "local-lvm" in disks
    assert "vmbr0" in bridge


def test_the_file_of_a_setting_is_told_before_the_commands() -> None:
    error = refused(World(), own={"pool": "iacc"})
    assert isinstance(error, SettingError)
    error.file = "Pulumi.dev.yaml"
    first, *commands = str(error).splitlines()
    assert first.endswith("as root (Pulumi.dev.yaml)")
    assert [line.strip() for line in commands] == [each.strip() for each in error.details]


NODE, GATEWAY, OTHERS = "192.0.2.5", "192.0.2.1", "192.0.2.77"
STATIC = ["192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24"]


def taken() -> World:
    """A cluster with a node, its gateway and another stack's machine in the servers' network."""
    words = {NODE: "the address of vmbr0 on the node pve1", GATEWAY: "the gateway of the node pve1"}
    world = World(inventory(addresses=words, endpoint="https://192.0.2.6:8006"))
    marks = Marks(stack="prod", machine="api-3izdly52-1a2b", address=OTHERS)
    world.set(Vm(9050, "pve2", "api-3izdly52-1a2b", "running", marks=marks))
    return world


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        (NODE, "vmbr0 on the node pve1"),
        (GATEWAY, "gateway of the node pve1"),
        (OTHERS, "of the stack prod"),
        ("192.0.2.6", "the API"),
    ],
)
def test_an_address_that_something_else_has_is_refused(address: str, holder: str) -> None:
    for key, own in (
        ("serviceAddress", {"serviceAddress": f"{address}/24"}),
        ("addresses[3]", {"addresses": [*STATIC, f"{address}/24"]}),
    ):
        error = refused(taken(), servers=[server(**own)])
        assert (error.code, error.key) == (
            "address-in-use",
            f"flakeship:servers[web].proxmox.{key}",
        )
        assert error.given == f"{address}/24"
        assert holder in error.what
    assert taken().plan(servers=[server(serviceAddress="192.0.2.80/24", addresses=STATIC)])


def test_an_address_that_a_server_has_already_is_not_its_fault() -> None:
    world = World()
    own = [server(serviceAddress="192.0.2.80/24", addresses=STATIC, gateway=GATEWAY)]
    world.up(servers=own)
    world.change(addresses={"192.0.2.80": "x", "192.0.2.10": "y"})
    assert world.plan(servers=own).summary.planned == ""
    world.change(addresses={"192.0.2.12": "z"})
    assert refused(world, servers=own).code == "address-in-use"


def test_static_addresses_without_a_gateway_are_told_of_new_machines() -> None:
    world = World()
    (warning,) = world.up(servers=[server(addresses=STATIC)]).warnings
    assert warning.startswith("web: ")
    assert "no gateway" in warning
    assert world.plan(servers=[server(addresses=STATIC)]).warnings == []
    assert World().plan(servers=[server(addresses=STATIC, gateway=GATEWAY)]).warnings == []


def test_a_disk_that_is_smaller_than_the_image() -> None:
    large = replace(release(1), disk=3000)
    error = refused(World(), large)
    assert (error.code, error.key) == ("server-too-small", "flakeship:servers[web].disk")
    assert (error.given, error.allowed) == ("2048 MiB", "3072 MiB or more")
    assert World().plan(large, [{"name": "web", "disk": "3G"}])
    # the plugin makes disks of whole GiB
    assert World().plan(large, [{"name": "web", "disk": "2100M"}])


def test_less_memory_than_the_release_boots_with() -> None:
    error = refused(World(), replace(release(1), memory=513))
    assert (error.code, error.key) == ("server-too-small", "flakeship:servers[web].memory")


def test_more_memory_than_a_node_has_free_is_told() -> None:
    world = World(inventory(nodes=[Node("pve1", True, 4096, 700)]))
    assert world.plan(servers=[{"name": "web"}]).warnings == []
    (warning,) = world.plan(servers=[{"name": "web", "count": 2}]).warnings
    assert "1024 MiB" in warning
    assert "700 MiB" in warning


def test_a_verified_release_has_the_size_that_its_build_had() -> None:
    world = World()
    auto = replace(release(1), disk="auto")
    world.up(auto)
    (stored,) = world.outputs["releases"]
    stored["artifact"]["disk"] = 5000
    assert refused(world, auto, [{"name": "web"}, {"name": "db"}]).code == "server-too-small"
    assert world.plan(auto).summary.planned == "", "what runs stays"


def test_a_token_that_lacks_privileges_gets_the_commands() -> None:
    world = World()
    found = dict(world.inventory.permissions)
    del found["/storage/local"]
    found["/pool/iac"] = {k: v for k, v in found["/pool/iac"].items() if k != "VM.Monitor"}
    world.change(permissions=found)
    error = refused(world)
    assert (error.code, error.key) == ("privilege-missing", "iac@pve!ci")
    assert "VM.Monitor on /pool/iac" in error.what
    pool, images = error.details
    assert re.search(r"--privs VM\.Monitor; pveum acl modify /pool/iac ", pool)
    assert "pveum acl modify /storage/local" in images
    assert all("--users iac@pve --tokens 'iac@pve!ci'" in each for each in error.details)


def test_a_newer_cluster_needs_other_privileges() -> None:
    world = World(inventory(version="9.2.11"))
    error = refused(world)
    assert "VM.GuestAgent.Audit, VM.GuestAgent.FileRead on /pool/iac" in error.what
    assert "VM.Config.Options on /vms" in error.what
    world.change(permissions=permissions((9, 2)))
    assert world.plan()


def test_high_availability_needs_a_right_of_the_whole_cluster() -> None:
    world = World()
    assert "Sys.Audit, Sys.Console on /" in refused(world, servers=[server(ha=True)]).what
    world.change(
        permissions={**world.inventory.permissions, "/": {"Sys.Audit": 1, "Sys.Console": 1}}
    )
    assert world.plan(servers=[server(ha=True, haGroup="fast")])
    nine = {**permissions((9, 2)), "/": {"Sys.Audit": 1, "Sys.Console": 1}}
    world.change(version="9.0.3", permissions=nine)
    error = refused(world, servers=[server(ha=True, haGroup="fast")])
    assert (error.code, error.key) == ("ha-group-gone", "flakeship:servers[web].proxmox.haGroup")
    assert world.plan(servers=[server(ha=True)])


def test_another_cluster_is_refused() -> None:
    world = World()
    world.up()
    other = World(inventory("other"), world.outputs)
    error = refused(other)
    assert error.code == "cluster-mismatch"
    assert "pve1" in error.what
    # one that has grown, and lost a node, is the same
    assert World(inventory("pve2", "pve3"), world.outputs).plan()


def test_a_template_that_is_locked() -> None:
    world = World()
    plan = world.up()
    (templates,) = plan.templates.templates.values()
    vm = world.vms[templates[0].vmid]
    world.set(replace(vm, lock="backup"))
    assert world.plan(), "nothing new is cloned from it"
    error = refused(world, servers=[{"name": "web"}, server("db", node=vm.node)])
    assert (error.code, error.key) == ("template-locked", "db")
    assert f"qm unlock {vm.id}" in error.remedy


def test_a_storage_that_only_some_nodes_have_is_where_servers_go() -> None:
    world = World()
    without_storage("local-lvm", "pve1")(world)
    assert [m.node for m in world.plan().machines.active] == ["pve2"]


def test_full_clones_need_no_special_storage() -> None:
    world = World()
    storages("local-lvm", type="lvm")(world)
    assert world.plan(own={"clone": "full"})


def test_outputs_of_somebody_else_are_one_clear_line() -> None:
    world = World()
    world.up()
    for wrong in ([1], {"nodes": 3}, {"templates": {"web-11111111": [{"vmid": "x"}]}}):
        world.outputs["proxmox"] = wrong
        error = refused(world)
        assert error.code == "outputs-unreadable"
        assert "\n" not in str(error)
