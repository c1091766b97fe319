"""What the program asks for on this machine, and what it refuses before it declares anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from flakeship.config.server import AnyServer
from flakeship.config.settings import AnySettings
from flakeship.model.artifact import Artifact, File
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import Evidence
from flakeship.model.ports import Port
from flakeship.targets.local import host, machine
from flakeship.targets.local.machine import Probe
from flakeship.targets.local.plan import Machine, plan
from flakeship.targets.local.requests import Running
from flakeship.verify.request import Promises
from tests.unit.model.test_ledger import release

WEB = AnyServer.model_validate(
    {
        "name": "web",
        "ports": [
            {"port": 80, "protocol": "http", "hostPort": 8080},
            {"port": 5432, "needsData": True},
        ],
        "dataDisks": {"pg": "1G"},
        "checks": [
            {"name": "page", "http": 80},
            {"name": "schema", "run": "test -e /data/pg/PG_VERSION", "needsData": True},
        ],
    }
)
BUILT = Artifact((File("/nix/store/x/image.qcow2", 5, "abc"),))
RUNNING = Running("web-11111111-32eb", 1, "kvm", {22: 40022, 80: 40080, 5432: 45432})


def settings(*servers: AnyServer) -> AnySettings:
    return AnySettings.model_construct(servers=list(servers), boot_timeout=120)


def planned(*servers: AnyServer, before: dict[str, Any] | None = None) -> list[Machine]:
    return plan(
        settings(*servers), {"appliance": release(1)}, "dev", ".state/id_ed25519", before or {}
    )


@pytest.fixture(autouse=True)
def _in_an_empty_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_machine_is_named_by_server_release_and_shape() -> None:
    (web,) = planned(WEB)
    assert web.id == f"web-11111111-{WEB.shape}"
    assert (web.boot, web.host) == (1, host.this_host())


def test_the_request_to_start() -> None:
    (web,) = planned(WEB)
    request = web.start(BUILT)
    assert request.directory == f".state/dev/machines/{web.id}"
    assert request.active == ".state/dev/active/web"
    assert request.disks == {"pg": ".state/dev/disks/web/pg.qcow2"}
    assert request.ports == [22, 80, 5432]
    assert (request.vcpus, request.memory, request.disk) == (2, 512, 2048)
    assert (request.image, request.sha512) == ("/nix/store/x/image.qcow2", "abc")
    assert web.disk("pg").size == 1024
    assert request.format == release(1).format


def test_a_udp_port_is_checked_inside_and_nothing_leads_to_it() -> None:
    ports = [{"port": 51820, "protocol": "udp", "needsData": True}]
    data = {"name": "vpn", "ports": ports, "dataDisks": {"keys": "1G"}}
    (vpn,) = planned(AnyServer.model_validate(data))
    assert vpn.start(BUILT).ports == [22]
    assert vpn.verify(RUNNING).verify.ports == [
        Port(port=22, protocol="ssh"),
        Port(port=51820, protocol="udp", needs_data=True),
    ]
    assert vpn.serving(RUNNING)
    assert vpn.forwards == {}


def test_no_two_disks_are_one_file() -> None:
    one = AnyServer.model_validate({"name": "web", "dataDisks": {"pg-x": "1G"}})
    other = AnyServer.model_validate({"name": "web-pg", "dataDisks": {"x": "1G"}})
    files = [file for each in planned(one, other) for file in each.disks.values()]
    assert files == [".state/dev/disks/web/pg-x.qcow2", ".state/dev/disks/web-pg/x.qcow2"]


def test_the_request_to_verify() -> None:
    (web,) = planned(WEB)
    asked = web.verify(RUNNING)
    assert (asked.ports, asked.subnet) == (RUNNING.ports, web.subnet)
    request = asked.verify
    assert request.ports == [
        Port(port=22, protocol="ssh"),
        Port(port=80, protocol="http"),
        Port(port=5432, protocol="tcp", needs_data=True),
    ]
    assert request.toplevel == release(1).toplevel
    assert request.deadline == 120.0
    assert request.promises == Promises(nix=True, switch=False)
    assert [check.name for check in request.checks] == ["page"]


def test_the_request_to_cut_over() -> None:
    (web,) = planned(WEB)
    evidence = Evidence(web.id, 1, ["ssh-ed25519 AAAA"], 1.0, [])
    request = web.cutover(RUNNING, evidence)
    assert request.forwards == {8080: 80}
    assert (request.ssh_port, request.host_keys) == (40022, ["ssh-ed25519 AAAA"])
    assert request.directories == ".state/dev/machines"
    assert request.serving
    assert [check.name for check in request.serving.verify.checks] == ["schema"]
    without = replace(request.serving.verify, checks=[])
    assert without == replace(web.verify(RUNNING).verify, checks=[])
    assert web.report(evidence).ports == {"80": "127.0.0.1:8080"}


def test_the_cut_over_checks_nothing_where_nothing_waits_for_disks() -> None:
    (web,) = planned(AnyServer(name="web", data_disks={"pg": 1024}))
    assert web.serving(RUNNING) is None


@pytest.mark.parametrize(
    ("seen", "boot"),
    [
        (Probe(runs=False, boot=0, lives_on=""), 1),
        (Probe(runs=True, boot=4, lives_on="here"), 4),
        (Probe(runs=False, boot=4, lives_on="here"), 5),
    ],
)
def test_a_dead_machine_gets_the_next_start(seen: Probe, boot: int) -> None:
    with patch.object(machine, "probe", return_value=seen):
        assert planned(WEB)[0].boot == boot


def test_an_image_that_was_built_and_is_gone_says_how_to_get_it_back() -> None:
    assert planned(WEB)  # not built yet
    root = Path(f".state/dev/roots/{release(1).name}")
    root.parent.mkdir(parents=True)
    root.symlink_to(release(1).out)
    with pytest.raises(FlakeshipError) as raised:
        planned(WEB)
    assert (raised.value.code, raised.value.key) == ("store-path-missing", release(1).name)
    assert "build it" in raised.value.remedy
    with patch.object(machine, "probe", return_value=Probe(runs=True, boot=1, lives_on="")):
        assert planned(WEB)


def test_every_machine_has_a_subnet_of_its_own() -> None:
    servers = [AnyServer(name=f"s{number}") for number in range(20)]
    assert len({each.subnet for each in planned(*servers)}) == 20


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (AnyServer(name="web", memory=128), "web has 128 MiB of memory, but web-11111111 needs"),
        (
            AnyServer(name="web", disk=100),
            "web has 100 MiB of disk, but web-11111111 needs at least 512",
        ),
    ],
)
def test_a_shape_that_is_too_small_is_refused(server: AnyServer, said: str) -> None:
    with pytest.raises(FlakeshipError, match=said):
        planned(server)


def test_a_host_with_another_name_changes_nothing() -> None:
    former = "former-0123abcd"
    with patch.object(host, "this_host", return_value="renamed-0123abcd"):
        assert planned(WEB, before={"web": {"host": former}})[0].host == former


def test_a_server_of_another_machine_is_refused() -> None:
    assert planned(WEB, before={"web": {"host": host.this_host()}})
    with pytest.raises(FlakeshipError, match="server web lives on elsewhere, and this is"):
        planned(WEB, before={"web": {"host": "elsewhere"}})
