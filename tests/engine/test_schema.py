"""`pulumi package get-schema` of a checkout: what `pulumi package add` starts from."""

from __future__ import annotations

import json
from pathlib import Path

from flakeship.system.process import run
from tests.project import ROOT, SHARED, environment


def test_the_schema_of_a_fresh_checkout(tmp_path: Path) -> None:
    for name in {*SHARED, "flakeship", "plugin", "README.md", "LICENSE"} - {".venv"}:
        (tmp_path / name).symlink_to(ROOT / name)
    env = environment(tmp_path)
    # Pulumi installs the Python packages first
    shown = run(["pulumi", "package", "get-schema", "./plugin"], cwd=tmp_path, env=env)
    schema = json.loads(shown.stdout)
    assert schema["name"] == "flakeship"
    assert {token.rpartition(":")[2] for token in schema["resources"]} == {
        "NixImage",
        "LocalServer",
        "GlanceImage",
    }
    image = schema["resources"]["flakeship:index:NixImage"]
    assert image["isComponent"]
    assert image["requiredInputs"] == ["flake", "host"]
    assert image["inputProperties"]["flake"]["description"]

    # what `pulumi package add` generates in a program's language
    words = ["--language", "python", "--out", str(tmp_path / "sdk")]
    run(["pulumi", "package", "gen-sdk", "./plugin", *words], cwd=tmp_path, env=env)
    package = tmp_path / "sdk/python/pulumi_flakeship"
    assert "class NixImage(" in (package / "nix_image.py").read_text()
    assert "class PortArgs:" in (package / "_inputs.py").read_text()
