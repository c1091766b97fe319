"""A verified server on the workstation."""

import asyncio
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import pulumi

from components.local import graph
from components.nix_image import NixImage
from components.resource import Functions
from flakeship.model.evidence import Evidence
from flakeship.model.text import lines
from flakeship.release.desired import Desired, Flake, Found
from flakeship.targets.local.plan import LocalPlan, LocalTarget
from flakeship.targets.local.spec import SPEC
from plugin import component, settings
from plugin.blocks import Check, DataDisk, Port


class LocalServerArgs(TypedDict):
    """The arguments of LocalServer."""

    flake: str
    """The flake: a directory, or any flake reference. It has `flakeship.<host>.<variant>`."""
    host: str
    """The NixOS configuration in the flake."""
    variant: NotRequired[str]
    """The image format of the host; `qemu` without it."""
    vcpus: NotRequired[int]
    """The processors; 2 without it."""
    memory: NotRequired[str]
    """The memory, such as `512M` or `2G`; `512M` without it."""
    disk: NotRequired[str]
    """The root disk, empty for every release, such as `2G`; `2G` without it."""
    ports: NotRequired[list[Port]]
    """The ports that may listen. Nothing else may, and the firewall must allow exactly these. Port
    22 is always declared."""
    dataDisks: NotRequired[dict[str, DataDisk]]
    """Disks that outlive releases and move with the cutover, by name."""
    checks: NotRequired[list[Check]]
    """Checks in addition to the built-in ones."""
    authorizedKeys: NotRequired[list[str]]
    """The public keys that go into the image, or files of them. Without any: the key of this
    directory, `.state/id_ed25519.pub`, which is made where it is missing."""
    allowImportFromDerivation: NotRequired[bool]
    """Whether evaluating the flake, and so a preview, may build."""
    identity: NotRequired[str]
    """The private key file that the checks log in with; needed with `authorizedKeys` unless
    ssh-agent holds the key."""
    bootTimeout: NotRequired[int]
    """The seconds until the server answers SSH and its system has started; 300 without it."""


@dataclass(frozen=True)
class Prepared:
    """The release of the server, and the plan of a stack with this server alone."""

    found: Found
    plan: LocalPlan


class LocalServer(pulumi.ComponentResource):
    """A server on this workstation, in QEMU; the name of the resource is that of the server.

    Another release is another machine beside the running one. It is verified, and only then gets
    the server's name, host ports and data disks; the former one is deleted. If it fails its checks,
    the update fails, and the former one serves as before.
    """

    machine: pulumi.Output[str]
    """The machine that serves: `<server>-<release>-<shape>`."""
    release: pulumi.Output[str]
    """The release that it runs: `<host>-<8 characters of its hash>`."""
    address: pulumi.Output[str]
    """Where its users find it."""
    ports: pulumi.Output[dict[str, str]]
    """The address and host port of each port that is forwarded, by the port's number."""
    ssh: pulumi.Output[str]
    """The command that logs in, in the directory of the program."""
    host_keys: pulumi.Output[list[str]]
    """The SSH host keys that the verification has pinned."""
    checks: pulumi.Output[dict[str, str]]
    """What each check has seen, by its name; all have passed."""

    def __init__(
        self,
        name: str,
        args: LocalServerArgs,  # noqa: ARG002 - the plan is made of them
        opts: pulumi.ResourceOptions | None = None,
        found: Prepared | None = None,
    ) -> None:
        super().__init__("flakeship:index:LocalServer", name, None, opts)
        assert found, "it has been prepared"
        (planned,) = found.plan.servers
        component.warn(self, *found.found.warnings, *found.plan.warnings)
        if pulumi.runtime.is_dry_run() and found.plan.summary.planned:
            pulumi.log.info(lines(found.plan.summary.planned), self)
        image = NixImage(
            f"{name}-{planned.release.name}",
            {
                "release": planned.release,
                "stack": planned.stack,
                "max_image_disk": found.plan.max_image_disk.get(planned.release.name, 0),
            },
            pulumi.ResourceOptions(parent=self),
        )
        evidence, output = graph.declare(planned, image, self)
        self._describe(evidence, output)
        self.register_outputs({"machine": self.machine, "release": self.release})

    def _describe(
        self, evidence: pulumi.Output[Evidence], output: pulumi.Output[dict[str, object]]
    ) -> None:
        """What is known once the server has moved to the machine."""
        self.machine = output.apply(lambda it: str(it["machine"]))
        self.release = output.apply(lambda it: str(it["release"]))
        self.address = output.apply(lambda it: str(it["address"]))
        self.ports = output.apply(lambda it: it["ports"])  # type: ignore[arg-type,return-value]
        self.ssh = output.apply(lambda it: str(it["ssh"]))
        self.host_keys = evidence.apply(lambda it: [*it.host_keys])
        self.checks = evidence.apply(lambda it: {check.name: check.detail for check in it.checks})

    @staticmethod
    async def prepare(name: str, args: LocalServerArgs, stack: str) -> Prepared:
        """Evaluate the host, inspect the workstation and plan. Raises FlakeshipError."""
        given = settings.of_server(name, args, SPEC)
        target = LocalTarget(stack, given)
        flake = Flake(given, stack, SPEC)
        inventory, found = await asyncio.gather(
            target.inspect(Functions(SPEC), {}), asyncio.to_thread(flake.releases, [given.host])
        )
        return Prepared(found, target.plan(Desired(stack, given, found.releases), inventory))
