"""Signed provenance: real keys, real states with planted changes, and readers without Flakeship."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from flakeship.config.gate import Gate
from flakeship.model.errors import FlakeshipError
from flakeship.nix import closure
from flakeship.nix.store import NIX
from flakeship.release import gate
from flakeship.release.gate import Candidate
from flakeship.state import outputs, statements
from flakeship.system.process import run
from tests.changed import changes
from tests.docs.markdown import blocks
from tests.engine.conftest import FakeStack
from tests.engine.test_promotion import after, refused, saved, staging
from tests.project import ROOT

__all__ = ["staging"]

PAGE = ROOT / "docs/how-to/provenance.md"
OWN = ".state/id_ed25519.pub"
TWO_PATHS = """
let
  made = name: text: derivation {
    inherit name;
    system = "x86_64-linux";
    builder = "/bin/sh";
    args = [ "-c" "echo ${text} > $out" ];
  };
in made "system" (made "tool-2.0" "x")
"""


def test_a_promotion_asks_for_a_signature_of_what_is_taken(
    stack: FakeStack, staging: FakeStack
) -> None:
    stack.up()
    staging.config("gate.signers[0]", OWN)
    said = refused(staging)
    assert "gate.signers: no signer has signed" in said
    other = staging.path / "other"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other])
    sign(stack, "--key", "other")
    assert "no signer has signed" in refused(staging)
    sign(stack)
    # whoever can write the other state changes what was signed
    (record,) = stack.outputs()["releases"]
    known = record["artifact"]["files"][0]["sha512"]
    exported = stack.pulumi("stack", "export").stdout
    for before, changed in ((known, flipped(known)), (record["at"], flipped(record["at"]))):
        planted = saved(stack, exported.replace(before, changed))
        stack.pulumi("stack", "import", "--file", str(planted))
        said = refused(staging)
        assert "is not what was signed" in said
        assert "--statement statement.json" in said
    stack.pulumi("stack", "import", "--file", str(saved(stack, exported)))
    staging.up()
    assert staging.running() == stack.running()
    # what the next stack is to take is staging's record
    prod = after(stack, "prod", "staging")
    prod.config("gate.signers[0]", OWN)
    assert "in the stack staging" in refused(prod)
    sign(staging)
    prod.up()
    assert [each["origin"] for each in prod.outputs()["releases"]] == ["staging"]


def test_nothing_is_signed_that_the_signer_has_not_read(stack: FakeStack) -> None:
    stack.up()
    name = stack.running()
    assert stack.flakeship("provenance", name, "--output", "statement.json").code == 0
    file = stack.path / "statement.json"
    (record,) = stack.outputs()["releases"]
    (image,) = record["artifact"]["files"]
    exported = stack.pulumi("stack", "export").stdout
    words = ("sign", name, "--statement", "statement.json")
    # changed since then, and the hash of another file, which no gate takes anyhow
    for before, changed in (
        (image["sha512"], flipped(image["sha512"])),
        (json.dumps(image["path"]), json.dumps(flipped(image["path"]))),
    ):
        planted = exported.replace(before, changed)
        stack.pulumi("stack", "import", "--file", str(saved(stack, planted)))
        done = stack.flakeship(*words)
        assert (done.code, done.stdout) == (1, "")
        assert name in done.stderr
    stack.pulumi("stack", "import", "--file", str(saved(stack, exported)))
    assert stack.flakeship("sign", name, "--statement", "gone.json").code == 1
    assert stack.flakeship("sign", name).code == 2
    assert stack.flakeship("provenance", name, "--signed").code == 1
    done = stack.flakeship(*words)
    assert (done.code, done.stderr) == (0, "")
    digest = hashlib.sha512(file.read_bytes()).hexdigest()
    assert done.stdout.splitlines()[1:] == [
        f"{digest}  statement.json",
        f"{image['sha512']}  {image['path']}",
    ]
    # what a shell has redirected ends with a line break
    file.write_text(stack.flakeship("provenance", name).stdout)
    assert file.read_text().endswith("}\n")
    assert stack.flakeship(*words).code == 0


def test_every_byte_of_a_record_is_signed(stack: FakeStack) -> None:
    stack.up()
    sign(stack)
    stored = stack.outputs()
    del stored["machines"]  # secret
    known = statements.read(
        json.loads(stack.pulumi("stack", "output", "--json", "-s", statements.STACK).stdout)
    )
    rules = Gate(signers=[(stack.path / OWN).read_text()])

    def codes(given: dict[str, Any]) -> list[str]:
        (record,) = outputs.read(given, "test").ledger
        now = datetime.now(UTC)
        candidate = Candidate(record, "test", "prod", project, now, Path())
        return [each.code for each in gate.refusals(candidate, rules, known)]

    (project,) = {each.project for each in known.signatures}
    assert codes(stored) == []
    found = []
    (record,) = stored["releases"]
    for changed in changes(record, lambda text: [flipped(text) if text else "0"]):
        try:
            found.append(codes({**stored, "releases": [changed]}))
        except FlakeshipError as error:
            found.append([error.code])
    # an unreadable state, another name, or a wrong signature: nothing passes
    assert {tuple(each) for each in found} == {
        ("outputs-unreadable",),
        ("gate-unsigned",),
        ("gate-signature",),
    }
    assert found.count(["gate-signature"]) > 15


def test_others_verify_the_envelope_by_the_lines_of_the_manual(stack: FakeStack) -> None:
    stack.up()
    assert stack.flakeship("provenance", stack.running(), "--signed").code == 1
    sign(stack)
    done = stack.flakeship("provenance", stack.running(), "--signed", "-o", "signed.json")
    assert (done.code, done.stderr) == (0, "")
    assert verified(stack)
    said = json.loads((stack.path / "statement.json").read_text())
    assert stack.flakeship("provenance", stack.running()).stdout.strip() == json.dumps(
        said, sort_keys=True, separators=(",", ":")
    )
    (self,) = said["predicate"]["buildDefinition"]["resolvedDependencies"]
    head = run(["git", "-C", stack.flake, "rev-parse", "HEAD"]).stdout.strip()
    assert self["digest"]["gitCommit"] == head
    assert self["digest"]["narHash"].startswith("sha256-")
    assert str(stack.path) not in json.dumps(said)
    envelope = json.loads((stack.path / "signed.json").read_text())
    text = base64.b64decode(envelope["payload"]).decode().replace("tiny", "tinY", 1)
    envelope["payload"] = base64.b64encode(text.encode()).decode()
    (stack.path / "signed.json").write_text(json.dumps(envelope))
    assert not verified(stack)


def test_a_release_has_a_list_of_its_closure(stack: FakeStack) -> None:
    stack.up()
    done = stack.flakeship("sbom", stack.running())
    assert (done.code, done.stderr) == (0, "")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(done.stdout) is None
    (record,) = stack.outputs()["releases"]
    toplevel = record["release"]["toplevel"]
    assert json.loads(done.stdout)["metadata"]["component"]["bom-ref"] == toplevel
    words = ("--signed", "--key", ".state/id_ed25519", "-o", "signed.json")
    assert stack.flakeship("sbom", stack.running(), *words).code == 0
    assert verified(stack)
    said = json.loads((stack.path / "statement.json").read_text())
    assert said["predicateType"] == "https://cyclonedx.org/bom"
    assert said["predicate"] == json.loads(done.stdout)
    assert [each["name"] for each in said["subject"]] == [record["release"]["out"]]
    # nothing has that path, here or elsewhere
    gone = toplevel[:11] + "0" * 32 + toplevel[43:]
    state = stack.pulumi("stack", "export").stdout.replace(toplevel, gone)
    stack.pulumi("stack", "import", "--file", str(saved(stack, state)))
    missing = stack.flakeship("sbom", stack.running())
    assert (missing.code, gone in missing.stderr) == (1, True)


def test_a_closure_has_what_a_path_refers_to(stack: FakeStack) -> None:
    argv = [*NIX, "build", "--impure", "--no-link", "--print-out-paths", "--expr", TWO_PATHS]
    built = run(argv, env=stack.env).stdout.strip()
    found = closure.read(built, "web-1")
    assert sorted(each.name_and_version for each in found) == [("system", ""), ("tool", "2.0")]
    (root,) = [each for each in found if each.path == built]
    (other,) = [each for each in found if each.path != built]
    assert (root.references, other.references) == ((other.path,), ())


def sign(stack: FakeStack, *words: str) -> None:
    file = "read.json"
    assert stack.flakeship("provenance", stack.running(), "-o", file).code == 0
    done = stack.flakeship("sign", stack.running(), "--statement", file, *words)
    assert (done.code, done.stderr) == (0, "")


def verified(stack: FakeStack) -> bool:
    """Whether the lines of the manual accept signed.json."""
    (lines,) = blocks(PAGE, "sh")
    (stack.path / "signers").write_text(f"release-manager {(stack.path / OWN).read_text()}")
    done = run(["bash", "-euc", lines], cwd=stack.path, check=False)
    return done.code == 0


def flipped(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")
