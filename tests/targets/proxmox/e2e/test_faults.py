"""Every fault: a clear error, a server that goes on as before, and a next run that mends the rest.

The faults are the lab's: on a cluster of the user's these tests are skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dev.proxmox.access import least_privilege
from dev.proxmox.site import Site
from flakeship.system.process import Result
from flakeship.targets.proxmox import listed
from flakeship.targets.proxmox.api import client, login, tasks
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.login import Access
from tests.targets.proxmox.e2e import lab
from tests.targets.proxmox.e2e.project import WEB, ClusterStack, stack_on_cluster

SITE = Site.from_environment()
pytestmark = pytest.mark.skipif(
    os.environ.get("PROXMOX_VE_ENDPOINT") != SITE.endpoint, reason="the faults are the lab's"
)

SERVICE, IN_USE = lab.address(40), lab.address(41)
STABLE = {**WEB, "proxmox": {"serviceAddress": f"{SERVICE}/24"}}
SECOND = {**WEB, "name": "api", "proxmox": {"node": "pve2"}}
FULL = "No space left on device"


@dataclass(frozen=True)
class Live:
    """A stack whose server answers, whatever happens."""

    stack: ClusterStack

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Nothing of what runs or is recorded changes."""
        stack = self.stack
        before, page, machine = stack.outputs(), stack.page(), stack.machines()[stack.machine()]
        yield
        lab.faults()
        assert stack.outputs() == before
        assert stack.page() == page
        assert stack.machines()[stack.machine()] == machine

    def refused(self, *expected: str, **env: str) -> str:
        """What a preview says that must not succeed, in which these words are."""
        with self.unchanged():
            said = replace(self.stack, env={**self.stack.env, **env}).refused()
        assert all(word in said for word in expected), said
        return said

    def fails(self, *expected: str, **faults: Any) -> str:
        """What a run says that these faults let fail, in which these words are."""
        with self.unchanged(), lab.faulty(**faults):
            said = self.stack.fails()
        assert all(word in said for word in expected), said
        assert self.held() == {vm.id for vm in everything(self.stack.api)} - others(self.stack.api)
        return said

    def held(self) -> set[int]:
        """The ids that the state will remove, whatever became of the creation."""
        own = (r for r in self.stack.resources() if r["type"] == "flakeship:proxmox:Ownership")
        there = {vm.id for vm in everything(self.stack.api)}
        return {int(each["inputs"]["vmid"]) for each in own} & there

    def converges(self) -> None:
        """The next run succeeds, leaves nothing that the state does not have, and is the last."""
        stack = self.stack
        stack.up()
        vms = [r for r in stack.resources() if r["type"].endswith(":VmLegacy")]
        assert {int(each["id"]) for each in vms} == {vm.id for vm in stack.vms()} == self.held()
        assert len(stack.uploads()) == len(
            {r["urn"] for r in stack.resources() if "Upload::" in r["urn"]}
        )
        stack.preview("--expect-no-changes")


def everything(api: Api) -> list[Any]:
    return listed.vms(api.get(list[listed.Resource], "cluster", "resources", type="vm"))


def others(api: Api) -> set[int]:
    """The ids of what this file's other stacks and strangers have."""
    return {vm.id for vm in everything(api) if vm.name == "theirs"}


@pytest.fixture(scope="module", autouse=True)
def no_faults() -> Iterator[None]:
    lab.faults()
    yield
    lab.faults()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with stack_on_cluster(tmp_path_factory.mktemp("cluster")) as made:
        made.settings(STABLE)
        yield Live(made)


@pytest.fixture(scope="module")
def operator() -> Iterator[Api]:
    """Somebody else, who may do everything."""
    env = {**os.environ, "PROXMOX_VE_API_TOKEN": lab.operator()}
    with client.connected(login.find(Access(), env)) as api:
        yield api


@contextmanager
def stranger(operator: Api, vmid: int, **more: str | int) -> Iterator[None]:
    """A virtual machine of somebody else; at the end it is as it was, and removed."""
    place = ("nodes", "pve", "qemu")
    task = operator.call("POST", *place, vmid=vmid, name="theirs", **more)
    tasks.finish(operator, task, "their machine", 60)
    before = operator.get(dict[str, Any], *place, str(vmid), "config")
    try:
        yield
        assert operator.get(dict[str, Any], *place, str(vmid), "config") == before
    finally:
        task = operator.call("DELETE", *place, str(vmid))
        tasks.finish(operator, task, "their removal", 60)


# before anything runs: what a first run leaves, and the next one goes on from


def test_a_first_run_takes_no_id_that_somebody_has_whom_it_may_not_see(
    live: Live, operator: Api
) -> None:
    """The template is made half, and so is the server, one run after the other."""
    stack = live.stack
    with stranger(operator, 9000):
        with lab.faulty(tasks={"qmtemplate": {"error": "no such lock"}}):
            said = stack.fails()
        assert "no such lock" in said
        with lab.faulty(requests=[lab.refused("PUT /nodes/*/config", "no quorum")]):
            said = stack.fails()
        assert "no quorum" in said
        assert 9000 not in live.held()


def test_an_upload_and_a_template_that_were_deleted_are_made_again(live: Live) -> None:
    stack = live.stack
    for vmid in sorted(live.held(), reverse=True):  # clones before their templates
        task = stack.api.call("DELETE", "nodes", "pve", "qemu", str(vmid), purge=1)
        tasks.finish(stack.api, task, "a removal by hand", 60)
    (volume,) = stack.uploads()
    place = ("nodes", "pve", "storage", "local", "content", volume)
    tasks.finish(stack.api, stack.api.call("DELETE", *place), "a removal by hand", 60)
    assert stack.uploads() == []
    live.converges()
    assert "appliance" in stack.page()


# refused before anything changes


def test_a_wrong_token(live: Live) -> None:
    name = os.environ["PROXMOX_VE_API_TOKEN"].partition("=")[0]
    secret = "6c2e3f6e-0000-4000-8000-0123456789ab"
    said = live.refused(
        name, "is not accepted", "pveum user token add", PROXMOX_VE_API_TOKEN=f"{name}={secret}"
    )
    assert secret not in said


def test_a_missing_privilege_is_named_with_the_command_that_grants_it(live: Live) -> None:
    grants = least_privilege(SITE.version)
    grants["/pool/iac"] = [each for each in grants["/pool/iac"] if each != "VM.Clone"]
    token = lab.token("few@pve!few", grants)
    live.refused(
        "VM.Clone on /pool/iac",
        "pveum role modify FlakeshipMachines --append 1 --privs VM.Clone",
        "pveum acl modify /pool/iac --roles FlakeshipMachines --users few@pve",
        "--tokens 'few@pve!few'",
        PROXMOX_VE_API_TOKEN=token,
    )


def test_a_certificate_that_nobody_trusts_and_then_one_that_is_pinned(live: Live) -> None:
    stack = live.stack
    env = {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    said = live.refused(
        "is not trusted", "pvenode cert info", "flakeship:proxmox.fingerprint", **env
    )
    (fingerprint,) = set(re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", said))
    wrong = fingerprint[:-2] + ("00" if fingerprint[-2:] != "00" else "01")
    stack.settings(STABLE, proxmox={"fingerprint": wrong})
    live.refused("another certificate", fingerprint, **env)
    stack.settings(STABLE, proxmox={"fingerprint": fingerprint})
    bundle = stack.path / ".state" / "stacks" / stack.stack / "trusted.pem"
    live.refused("Pulumi's plugin does not trust", f"export SSL_CERT_FILE={bundle}", **env)
    with live.unchanged():
        pinned = replace(stack, env={**stack.env, "SSL_CERT_FILE": str(bundle)})
        assert "access" in pinned.preview()
    stack.settings(STABLE)


def test_an_api_that_does_not_answer(live: Live) -> None:
    elsewhere = "https://127.0.0.1:1/"
    live.refused("was not answered", "systemctl status pveproxy", PROXMOX_VE_ENDPOINT=elsewhere)


def test_a_template_that_is_locked(live: Live) -> None:
    """A new machine is made of it: the running one does not need it."""
    stack = live.stack
    (template,) = stack.templates().values()
    file = f"nodes/{template.node}/qemu-server/{template.id}.json"
    content = SITE.read(file, {})
    SITE.write(file, {**content, "config": {**content["config"], "lock": "backup"}})
    try:
        stack.settings({**STABLE, "memory": "640M"})
        live.refused("is locked by backup", f"qm unlock {template.id}")
    finally:
        SITE.write(file, content)
        stack.settings(STABLE)
    stack.preview("--expect-no-changes")


def test_a_node_that_is_down(live: Live) -> None:
    stack = live.stack
    stack.settings(STABLE, SECOND)
    with live.unchanged(), lab.faulty(offline=["pve2"]):
        said = stack.refused()
    assert "pve2" in said
    assert "pvecm nodes" in said
    stack.settings(STABLE)


# in the middle of a run with a new release


def test_a_new_release_fails_at_every_step_and_then_succeeds(live: Live) -> None:
    stack = live.stack
    stack.edit("Hello from the appliance", "Welcome to the appliance")
    live.fails("df -h /var/tmp", upload_bytes=2_000_000)
    assert len(stack.uploads()) == 1
    live.fails(FULL, "df -h /var/tmp", "TASK ERROR", full=["local"])
    assert len(stack.uploads()) == 1
    tasks_that_fail = {"qmcreate": {"error": "unable to parse volume"}}
    live.fails("unable to parse volume", "TASK ERROR", tasks=tasks_that_fail)
    live.fails(
        "clone failed: no lock", "TASK ERROR", tasks={"qmclone": {"error": "clone failed: no lock"}}
    )
    live.fails("resize failed", "TASK ERROR", tasks={"resize": {"error": "resize failed"}})
    live.fails("start failed", "TASK ERROR", tasks={"qmstart": {"error": "start failed"}})
    live.converges()
    assert "Welcome" in stack.page()
    assert stack.address() == SERVICE


def test_an_address_that_somebody_uses_is_not_taken(live: Live) -> None:
    stack = live.stack
    with somebody_at(IN_USE):
        stack.settings({**WEB, "proxmox": {"serviceAddress": f"{IN_USE}/24"}})
        live.fails(IN_USE, "answers for it", "ip neigh", "choose another serviceAddress")
    live.converges()
    assert stack.address() == IN_USE
    assert "Welcome" in stack.page()


@contextmanager
def somebody_at(address: str) -> Iterator[None]:
    """An address of the bridge, which this machine answers for by ARP."""
    for_it = ["dev", SITE.bridge]
    subprocess.run(["ip", "address", "add", f"{address}/32", *for_it], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "address", "del", f"{address}/32", *for_it], check=True)


def test_a_node_that_goes_away_between_preview_and_up(live: Live) -> None:
    stack = live.stack
    stack.settings({**WEB, "proxmox": {"serviceAddress": f"{IN_USE}/24"}}, SECOND)
    assert "on pve2" in stack.preview()
    live.fails("pve2", offline=["pve2"])
    gone = [lab.refused("POST /nodes/pve2/*", "No route to host", status=595)]
    live.fails("pve2", "No route to host", requests=gone)


def test_a_second_server_on_another_node_and_another_stack_at_the_same_time(
    live: Live, tmp_path: Path
) -> None:
    """Both take ids of one range; where one comes too late, its next run takes others."""
    with stack_on_cluster(tmp_path) as other:
        other.settings(WEB)
        ended: list[Result] = []
        ups = [
            threading.Thread(
                target=lambda it=it: ended.append(
                    it.pulumi("up", "--yes", "--skip-preview", check=False)
                )
            )
            for it in (live.stack, other)
        ]
        for each in ups:
            each.start()
        for each in ups:
            each.join()
        for done in ended:
            assert done.code == 0 or "another id" in done.stdout + done.stderr, done.stdout
        for stack in (live.stack, other):
            stack.up()
            stack.preview("--expect-no-changes")
            assert "appliance" in stack.page("api" if stack is live.stack else "web")
        nodes = {vm.node for vm in live.stack.machines().values()}
        assert nodes == {"pve", "pve2"}
        mine, theirs = ({vm.id for vm in each.vms()} for each in (live.stack, other))
        assert not mine & theirs


# a machine that tells nothing


def test_a_machine_of_which_nothing_is_heard_and_one_whose_console_serves(live: Live) -> None:
    """The deadline names what to do. A static address needs no agent to be known."""
    stack = live.stack
    stack.edit("Welcome to the appliance", "Good morning from the appliance")
    stack.settings({**WEB, "proxmox": {"serviceAddress": f"{IN_USE}/24"}}, bootTimeout=10)
    silent = [
        lab.refused("GET /nodes/*/agent/*", "QEMU guest agent is not running"),
        lab.refused("POST /nodes/*/termproxy", "no terminal"),
    ]
    live.fails(
        "within 10 s",
        "qm terminal",
        "QEMU guest agent is not running",
        "no terminal",
        requests=silent,
    )
    static = [f"{lab.address(number)}/24" for number in (42, 43, 44)]
    stack.settings(
        {**WEB, "proxmox": {"serviceAddress": f"{IN_USE}/24", "addresses": static}},
        bootTimeout=60,
    )
    # the console of 8.4 takes no tokens
    with lab.faulty(requests=silent[:1] if SITE.version != "8.4" else []):
        stack.up()
    live.converges()
    assert "Good morning" in stack.page()
