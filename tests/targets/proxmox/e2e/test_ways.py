"""Other ways than those of test_life: a name in DNS, storage that nodes share, UEFI, HA.

Two servers are on two nodes: `web` has the name, and `api` a service address.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from dev.proxmox.access import least_privilege
from dev.proxmox.site import Site
from flakeship.ssh.options import as_root
from flakeship.system.process import Result, run
from flakeship.targets.proxmox.cutover import guest
from tests.targets.proxmox.e2e import lab
from tests.targets.proxmox.e2e.project import WEB, ClusterStack, stack_on_cluster
from tests.targets.proxmox.name_server import NAMED, Zone, real, serving

SERVICE = lab.address(50)
SITE = Site.from_environment()
pytestmark = pytest.mark.skipif(
    os.environ.get("PROXMOX_VE_ENDPOINT") != SITE.endpoint, reason="they need what the lab has"
)
SHARED = {"storage": {"images": "nfs", "disks": "nfs"}}


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zone | None]:
    """A zone in which the name is free; None without a name server, and then there is no name."""
    if NAMED is None:
        yield None
        return
    with serving(tmp_path_factory.mktemp("zone")) as made:
        yield made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, zone: Zone | None) -> Iterator[ClusterStack]:
    own: dict[str, Any] = {**SHARED}
    web: dict[str, Any] = {"node": "pve"}
    if zone:
        record = zone.record
        own["dnsUpdates"] = {
            "server": record.server,
            "port": record.port,
            "zone": record.zone,
            "key": record.key,
            "keyFile": record.key_file,
        }
        web["dnsName"] = record.name
    api = {"node": "pve2", "serviceAddress": f"{SERVICE}/24"}
    grants = least_privilege(SITE.version)
    grants["/storage/nfs"] = grants.pop("/storage/local")
    token = lab.token("ways@pve!shared", grants)
    path = tmp_path_factory.mktemp("cluster")
    with stack_on_cluster(path, PROXMOX_VE_API_TOKEN=token) as made:
        made.settings(
            {**WEB, "proxmox": web},
            {**WEB, "name": "api", "proxmox": api},
            proxmox=own,
            standbyReleases=0,
        )
        yield made
    if zone:
        assert zone.everything == [[], [], []]


def test_one_template_serves_both_nodes(stack: ClusterStack) -> None:
    stack.up()
    assert {vm.node for vm in stack.machines().values()} == {"pve", "pve2"}
    assert len(stack.templates()) == 1
    assert stack.address("api") == SERVICE
    stack.preview("--expect-no-changes")
    stack.pulumi("refresh", "--yes", "--expect-no-changes")


@real
def test_the_name_leads_to_its_server(stack: ClusterStack, zone: Zone) -> None:
    assert zone.everything == [[stack.address()], [], [f'"flakeship {stack.stack} web"']]


def test_what_was_lost_is_given_back_as_the_message_says(stack: ClusterStack) -> None:
    login = shlex.split(stack.outputs()["servers"]["api"]["ssh"])
    run([*login, as_root(f"{guest.COMMAND} drop")], cwd=stack.path, env=stack.env, timeout=60)
    mended(stack, "api", "it has no service address")
    assert "Hello" in stack.page("api")
    stack.preview("--expect-no-changes")


@real
def test_a_name_that_leads_elsewhere_is_put_right_as_the_message_says(
    stack: ClusterStack, zone: Zone
) -> None:
    zone.change(("replace", "web", 60, "A", "192.0.2.9"))
    mended(stack, "web", "192.0.2.9")
    assert zone.everything[:2] == [[stack.address()], []]


def test_a_new_release_serves_both_and_the_name_moves(
    stack: ClusterStack, zone: Zone | None
) -> None:
    before = stack.address()
    stack.edit("Hello from the appliance", "Welcome to the appliance")
    stack.up()
    assert stack.address() != before
    if zone:
        assert zone.everything[:2] == [[stack.address()], []]
    assert all("Welcome" in stack.page(each) for each in ("web", "api"))
    assert verify(stack).code == 0
    stack.preview("--expect-no-changes")


def mended(stack: ClusterStack, server: str, expected: str) -> None:
    """A verification tells what is wrong, and the command in its message mends it."""
    said = verify(stack, server).stderr
    assert expected in said
    (words,) = re.findall(r"`pulumi (up --replace [^`]+)`", said)
    stack.pulumi(*shlex.split(words), "--yes", "--skip-preview")
    assert verify(stack, server).code == 0


def verify(stack: ClusterStack, *server: str) -> Result:
    """What `flakeship verify` tells."""
    argv = [".venv/bin/python", "-m", "flakeship", "verify", *server]
    return run(argv, cwd=stack.path, env=stack.env, check=False, timeout=300)
