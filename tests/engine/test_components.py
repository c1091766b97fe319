"""The components in a program of somebody else's: Inputs in, Outputs out, no plan needed."""

from __future__ import annotations

from tests.engine.conftest import Tiny

PROGRAM = '''\
"""A page that is verified before anything points to it."""

from pathlib import Path

import pulumi

from components.local.server import LocalCutover, LocalServer
from components.nix_image import NixImage
from components.resource import inputs
from components.verification import Verification
from flakeship.nix.evaluate import evaluate
from flakeship.targets.local.resources import (
    CutoverRequest, MachineRequest, SshLogin, VerifyMachineRequest)
from flakeship.verify.request import VerifyRequest

ID, STACK = "page-00000000-aaaa", pulumi.get_stack()
tiny = evaluate("./flake", "tiny", "qemu", Path("access"))
check = VerifyRequest(ID, [], tiny.user, "", tiny.toplevel, 2048)
image = NixImage(tiny.name, {"release": tiny, "stack": STACK})
boot = MachineRequest(STACK, "page", ID, "", "", 1, 512, 2048, "10.9.9.0/24", [22], [], "")
file = image.artifact.apply(lambda artifact: artifact.image)
server = LocalServer("page", {"machine_id": ID,
    "machine": inputs(boot, image=file.path, sha512=file.sha512)})
verified = Verification(ID, {"type": "flakeship:local:Verification", "inputs": inputs(
    VerifyMachineRequest(check, {}, "10.9.9.0/24", "console.log"),
    ports=server.machine.apply(lambda machine: {"22": machine.ports[22]}))})
ssh = SshLogin(22, tiny.user)
moved = LocalCutover("page", inputs(CutoverRequest(STACK, "page", ID, ssh, {}, {}, ""), ssh={
    **inputs(ssh), "host_keys": verified.evidence.apply(lambda found: list(found.host_keys))}))
pulumi.export("active", moved.done.apply(lambda done: done.machine))
'''


def test_a_program_of_ones_own_uses_the_components(project: Tiny) -> None:
    (project.path / "access").mkdir()
    (project.path / "access/authorized_keys").write_text("")
    (project.path / "__main__.py").unlink()
    (project.path / "__main__.py").write_text(PROGRAM)
    preview = project.preview()
    for token in ("index:NixImage", "local:Server", "local:Verification", "local:Cutover"):
        assert f"flakeship:{token}" in preview
    project.up()
    assert [line.split()[0] for line in project.log()] == ["build", "start", "verify", "cutover"]
    assert project.outputs() == {"active": "page-00000000-aaaa"}
    project.preview("--expect-no-changes")
    project.fail("verify")
    project.write("two")
    assert "1 of 9 checks failed" in project.up(check=False)
    assert "cutover" not in " ".join(project.log())
