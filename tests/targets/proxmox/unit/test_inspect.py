"""What an inspection reads, from recorded answers and from those that nobody should give."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.targets.base import Plan, Target
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api.login import Access
from flakeship.targets.proxmox.functions import FUNCTIONS, INSPECT, InspectRequest
from flakeship.targets.proxmox.inspect import inspect
from flakeship.targets.proxmox.inventory import Inventory, Node, Storage, Vm
from flakeship.targets.proxmox.plan import ProxmoxTarget
from flakeship.targets.proxmox.resources import Marks, description, tags
from tests.targets.proxmox.unit.cluster import TOKEN, Cluster, Reply, permissions, recorded
from tests.targets.proxmox.unit.schema import read
from tests.targets.proxmox.unit.world import inventory

VERSIONS = ["8.4", "9.2"]
ALL = {"/": {"VM.Audit": 1}}
LISTS = [
    "GET access/permissions",
    "GET cluster/resources",
    "GET nodes/pve/network?type=any_bridge",
    "GET version",
]


@pytest.fixture(autouse=True)
def _environment(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROXMOX_VE_ENDPOINT", "PROXMOX_VE_INSECURE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PROXMOX_VE_API_TOKEN", TOKEN)
    monkeypatch.setenv("SSL_CERT_FILE", str(cluster.certificate))
    answers(cluster, "8.4")


def answers(cluster: Cluster, version: str, **changed: Any) -> None:
    given = recorded(version)["answers"]
    cluster.replies["GET version"] = Reply(given["version"])
    cluster.replies["GET cluster/resources"] = Reply(given["cluster/resources"])
    cluster.get("access/permissions", ALL)
    cluster.get("nodes/pve/network?type=any_bridge", [{"iface": "vmbr0", "type": "bridge"}])
    for path, data in changed.items():
        cluster.get(path, data)


def request(cluster: Cluster, **more: Any) -> InspectRequest:
    login = cluster.login()
    return replace(
        InspectRequest(
            Access(login.endpoint, ca_file=login.ca_file), "dev", 2, 1, "local", 9000, 9099
        ),
        **more,
    )


def failure(cluster: Cluster) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        inspect(request(cluster))
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    return caught.value


def test_each_list_is_read_once(cluster: Cluster) -> None:
    inspect(request(cluster))
    assert cluster.calls == LISTS


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_genuine_api_answers(cluster: Cluster, version: str) -> None:
    answers(cluster, version)
    found = inspect(request(cluster))
    assert found.version.startswith(version)
    assert found.release == tuple(map(int, version.split(".")))
    assert found.user == "iac@pve!ci"
    (node,) = found.nodes
    assert (node.name, node.online, node.memory) == ("pve", True, 24105)
    assert 0 < node.free < node.memory
    assert [(s.name, s.type, s.shared, s.available) for s in found.storages] == [
        ("local", "dir", False, True),
        ("noimport", "dir", False, True),
    ]
    assert "import" in found.storages[0].content
    assert found.storages[1].content == ["images"]
    assert found.pools == ["iac"]
    assert found.bridges == {"pve": ["vmbr0"]}
    assert found.everything
    assert found.free[0] == 9000
    if version == "9.2":
        assert [(vm.id, vm.name, vm.template, vm.running) for vm in found.vms] == [
            (100, "tpl-a", True, False),
            (101, "vm0", False, True),
        ]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_answer_goes_to_the_program_as_json(cluster: Cluster, version: str) -> None:
    answers(cluster, version)
    found = replace(inspect(request(cluster)), clones={100: [101]})
    assert FUNCTIONS[INSPECT].answer is Inventory
    assert codec.parse(Inventory, codec.text(Inventory, found)) == found
    asked = request(cluster, nodes=["pve"])
    assert codec.parse(InspectRequest, codec.dump(asked)) == asked


def test_addresses_of_bridges_and_gateways_are_known(cluster: Cluster) -> None:
    bridge = {"iface": "vmbr0", "type": "bridge", "address": "192.0.2.5", "netmask": "24"}
    both = {"gateway": "192.0.2.1", "address6": "2001:DB8::5", "gateway6": "2001:db8::1"}
    other = {"iface": "vmbr1", "type": "bridge", "address": "\x1b[2J", "gateway": ""}
    cluster.get("nodes/pve/network?type=any_bridge", [{**bridge, **both}, other])
    found = inspect(request(cluster)).addresses
    assert sorted(found) == ["192.0.2.1", "192.0.2.5", "2001:db8::1", "2001:db8::5"]
    assert "vmbr0" in found["192.0.2.5"]
    assert "gateway" in found["192.0.2.1"]


def test_what_was_just_made_has_no_name_yet(cluster: Cluster) -> None:
    answers(cluster, "9.2")
    late = recorded("9.2")["answers"]["cluster/resources?type=vm"]
    cluster.replies["GET cluster/resources"] = Reply(late)
    unknown = [vm for vm in inspect(request(cluster)).vms if not vm.known]
    assert [vm.id for vm in unknown] == [300, 301]
    assert {vm.status for vm in unknown} == {"unknown"}


def test_a_clone_without_tags_of_its_own_says_by_its_description_whose_it_is(
    cluster: Cluster,
) -> None:
    answers(cluster, "9.2")
    own = Marks(stack="dev", machine="web-3izdly52-1a2b")
    entries = [
        {"type": "node", "node": "pve", "status": "online"},
        *(
            {"type": "qemu", "node": node, "vmid": vmid, "name": name, "status": "stopped"}
            for vmid, node, name in (
                (9001, "pve", own.machine),
                (9002, "pve", "anything"),
                (9003, "pve2", own.machine),
                (8001, "pve", own.machine),
            )
        ),
    ]
    cluster.get("cluster/resources", entries)
    cluster.get("nodes/pve/qemu/9001/config", {"description": description(9001, own)})
    found = inspect(request(cluster))
    assert {vm.id: vm.marks for vm in found.vms if vm.marks.stack} == {9001: own}
    assert [call for call in cluster.calls if call.endswith("/config")] == [
        "GET nodes/pve/qemu/9001/config"
    ]


def test_a_token_for_a_pool_asks_whether_ids_are_free(cluster: Cluster) -> None:
    cluster.get("access/permissions", permissions((8, 4)))
    taken = "VM 9001 already exists"
    for vmid in range(9000, 9020):
        cluster.get(f"cluster/nextid?vmid={vmid}", str(vmid))
    cluster.replies["GET cluster/nextid?vmid=9001"] = Reply(
        {"data": None, "errors": {"vmid": taken}, "message": "Parameter verification failed.\n"},
        400,
        "Parameter verification failed.",
    )
    found = inspect(request(cluster))
    assert not found.everything
    assert found.free[:3] == [9000, 9002, 9003]
    assert found.hidden == [9001]


def test_another_refusal_is_not_taken_for_a_used_id(cluster: Cluster) -> None:
    cluster.get("access/permissions", permissions((8, 4)))
    for vmid in range(9000, 9100):
        cluster.replies[f"GET cluster/nextid?vmid={vmid}"] = Reply({}, 500, "no quorum")
    assert failure(cluster).code == "api-refused"


def test_ids_that_are_seen_are_not_free(cluster: Cluster) -> None:
    vms = [{"type": "lxc", "id": "lxc/9000", "vmid": "9000", "node": "pve", "name": "ct"}]
    cluster.get("cluster/resources", vms)
    found = inspect(request(cluster))
    assert found.vms == [Vm(9000, "pve", "ct", container=True, tags=[])]
    assert found.free[0] == 9001


def resource(vmid: int, own: Marks, **more: Any) -> dict[str, Any]:
    tagged = ";".join(tags(vmid, own))
    return {"type": "qemu", "vmid": vmid, "node": "pve", "name": "x", "tags": tagged, **more}


def test_linked_clones_of_our_templates_are_found(cluster: Cluster) -> None:
    given = recorded("8.4")["answers"]["cluster/resources"]["data"]
    ours = resource(9000, Marks("dev", release="web-11111111"), template=1)
    cluster.get("cluster/resources", [*given, ours])
    cluster.get(
        "nodes/pve/storage/local/content?content=images",
        [
            {"volid": "local:9000/base-9000-disk-0.qcow2", "vmid": 9000},
            {
                "volid": "local:9000/base-9000-disk-0.qcow2/9001/vm-9001-disk-0.qcow2",
                "parent": "../9000/base-9000-disk-0.qcow2",
                "vmid": "9001",
            },
            {"volid": "local:base-9000-disk-0/vm-77-disk-0", "vmid": 77},
            {
                "volid": "local:vm-78-disk-0",
                "parent": "local:base-9000-disk-0@__base__",
                "vmid": 78,
            },
            {"volid": "local:vm-79-disk-0", "vmid": 79, "parent": None},
        ],
    )
    found = inspect(request(cluster))
    assert found.clones == {9000: [77, 78, 9001]}
    assert found.vms[0].marks == Marks("dev", release="web-11111111")


def test_templates_of_other_stacks_cost_no_call(cluster: Cluster) -> None:
    given = recorded("8.4")["answers"]["cluster/resources"]["data"]
    theirs = resource(9000, Marks("prod", release="web-11111111"), template=1)
    cluster.get("cluster/resources", [*given, theirs])
    inspect(request(cluster))
    assert cluster.calls == LISTS


def test_only_nodes_that_may_get_servers_are_asked(cluster: Cluster) -> None:
    given = recorded("8.4")["answers"]["cluster/resources"]["data"]
    others = [{"type": "node", "node": "pve2", "status": "offline"}]
    cluster.get("cluster/resources", [*given, *others])
    found = inspect(request(cluster, nodes=["pve2"]))
    assert found.bridges == {}
    # without Sys.Audit on a node it has no figures
    assert found.nodes[1] == Node("pve2", False)


HOSTILE: dict[str, tuple[str, object]] = {
    "a list of texts": ("cluster/resources", ["x"]),
    "an object": ("cluster/resources", {"a": 1}),
    "nothing": ("cluster/resources", None),
    "an id that is none": ("cluster/resources", [{"type": "qemu", "vmid": "1e3", "node": "pve"}]),
    "a huge id": ("cluster/resources", [{"type": "qemu", "vmid": 10**30, "node": "pve"}]),
    "a negative id": ("cluster/resources", [{"type": "qemu", "vmid": -1, "node": "pve"}]),
    "a fraction": ("cluster/resources", [{"type": "qemu", "vmid": 100.5, "node": "pve"}]),
    "a node that leads away": ("cluster/resources", [{"type": "node", "node": "../../access"}]),
    "a name that is a list": ("cluster/resources", [{"type": "qemu", "name": ["x"]}]),
    "memory that is none": ("cluster/resources", [{"type": "node", "node": "a", "mem": "much"}]),
    "no type": ("cluster/resources", [{"node": "pve"}]),
    "escapes": ("cluster/resources", [{"type": "node", "node": "\x1b]52;c;QUFB\x07"}]),
    "permissions that are a list": ("access/permissions", []),
    "a privilege that is a text": ("access/permissions", {"/": {"VM.Audit": "yes"}}),
    "a version of words": ("version", {"version": "eight"}),
    "a version without numbers": ("version", {}),
    "bridges without names": ("nodes/pve/network?type=any_bridge", [{}]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_answer_of_another_shape_is_one_clear_line(cluster: Cluster, what: str) -> None:
    path, data = HOSTILE[what]
    cluster.get(path, data)
    error = failure(cluster)
    assert error.code == "answer-unreadable"
    assert path.partition("?")[0] in error.what


def test_perl_writes_numbers_and_truth_in_several_ways(cluster: Cluster) -> None:
    vm = {"type": "qemu", "vmid": "9000", "node": "pve", "name": 42, "template": "1", "lock": None}
    more = [{**vm, "vmid": 9001, "template": ""}, {**vm, "vmid": 9002.0, "maxmem": 2.0**30}]
    node = {"type": "node", "node": "pve", "status": "online"}
    cluster.get("cluster/resources", [vm, *more, node, {"type": "later", "any": {"x": []}}])
    found = inspect(request(cluster)).vms
    assert [(each.id, each.name, each.template, each.memory) for each in found] == [
        (9000, "42", True, 0),
        (9001, "42", False, 0),
        (9002, "42", True, 1024),
    ]


def test_a_refused_token_is_told_before_anything_else(cluster: Cluster) -> None:
    for path in ("version", "cluster/resources", "access/permissions"):
        cluster.replies[f"GET {path}"] = Reply(b"", 401, "invalid token value!")
    assert failure(cluster).code == "token-refused"


def test_a_storage_may_be_on_some_nodes_alone() -> None:
    found = listed.storages(
        [
            listed.Resource("storage", node=name, storage="ceph", shared=True, status=status)
            for name, status in (("b", "available"), ("a", "unknown"))
        ]
    )
    assert found == [
        Storage("ceph", "a", "", [], True, False),
        Storage("ceph", "b", "", [], True, True),
    ]


def test_ten_thousand_machines_are_read_in_one_call(cluster: Cluster) -> None:
    node = {"type": "node", "node": "pve", "status": "online"}
    many = [resource(100 + n, Marks("prod", machine=f"web-{n}")) for n in range(10_000)]
    cluster.get("cluster/resources", [node, *many])
    assert len(inspect(request(cluster)).vms) == 10_000
    assert len(json.dumps(many)) < 2 * 1024**2


def test_the_program_asks_the_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, object]] = []
    target: Target[Inventory, Plan] = ProxmoxTarget("dev", read())

    async def call(name: str, request: object) -> object:
        asked.append((name, request))
        return codec.parse(Inventory, codec.text(Inventory, replace(inventory(), free=[])))

    monkeypatch.chdir(tmp_path)
    found = asyncio.run(target.inspect(call, {}))
    assert found.identity.endswith("id_ed25519")
    ((name, request),) = asked
    assert name == INSPECT
    assert isinstance(request, FUNCTIONS[name].request)
    assert codec.parse(FUNCTIONS[name].request, codec.dump(request)) == request
