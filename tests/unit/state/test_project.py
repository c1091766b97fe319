"""The provider in the project's file, as people write it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.state import project
from tests.project import ROOT

HEAD = "name: flakeship\nruntime: python\n"
NAMED = f"{HEAD}plugins:\n  providers:\n    - name: flakeship\n      path: provider\n"


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "Pulumi.yaml").read_text(),
        (ROOT / "nix/templates/project/Pulumi.yaml").read_text(),
        NAMED,
        f"{HEAD}plugins: {{providers: [{{name: 'flakeship', path: x}}]}}\n",
        f"{HEAD}plugins:\n  providers:\n  - path: x\n    'name': flakeship\n",
        "",  # Pulumi.yml has it
        "{",  # which Pulumi itself refuses
        "name: [",
    ],
)
def test_a_file_that_names_it(text: str, tmp_path: Path) -> None:
    project.refuse_without_provider(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        f"{HEAD}plugins:\n",
        f"{HEAD}plugins:\n  providers:\n",
        f"{HEAD}plugins:\n  providers:\n    - name: other\n      path: x\n",
        NAMED.replace("    - name", "#   - name").replace("      path", "#     path"),
    ],
)
def test_a_file_that_does_not(text: str, tmp_path: Path) -> None:
    with pytest.raises(FlakeshipError) as raised:
        project.refuse_without_provider(text, tmp_path)
    assert (raised.value.code, raised.value.key) == ("provider-undeclared", "Pulumi.yaml")
    assert "copy the folder provider" in raised.value.remedy
    assert "\n".join([HEAD.rstrip(), *raised.value.details, ""]) == NAMED


@pytest.mark.parametrize("folder", ["provider", "flakeship/provider"])
def test_the_folder_that_is_there_is_named(folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / project.PLUGIN).touch()
    with pytest.raises(FlakeshipError) as raised:
        project.refuse_without_provider(HEAD, tmp_path)
    assert raised.value.details[-1] == f"      path: {folder}"
    assert "copy" not in raised.value.remedy


def test_a_provider_on_the_path_need_not_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / project.PLUGIN).write_text("#!/bin/sh\n")
    (tmp_path / project.PLUGIN).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    project.refuse_without_provider(HEAD, tmp_path)
