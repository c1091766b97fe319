"""A program in YAML on the real engine: the example as it is, and mistakes in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from flakeship.nix.image_file import describe
from flakeship.system.process import Result
from flakeship.system.tcp import free_ports
from tests.project import ROOT, Project, check_out, environment
from tests.targets.local.e2e.conftest import end_plugins, qemus

PROGRAM = "examples/yaml/Pulumi.yaml"


@dataclass(frozen=True)
class YamlProgram(Project):
    """The example in a checkout of its own; its page is at `port`."""

    port: int

    def replace(self, old: str, new: str) -> None:
        file = self.path / "Pulumi.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def refused(self) -> str:
        """The lines of the errors of a preview that must not succeed."""
        done: Result = self.pulumi("preview", check=False)
        assert done.code != 0, done.stdout
        return "\n".join(line for line in done.stdout.splitlines() if "error" in line.lower())

    def page(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/", timeout=20) as answer:
            text: str = answer.read().decode()
            return text


@pytest.fixture
def program(tmp_path: Path) -> Iterator[YamlProgram]:
    if not shutil.which("pulumi-language-yaml"):
        pytest.skip("no pulumi-language-yaml: `dev/setup/run yaml` builds it")
    checkout = tmp_path / "checkout"
    check_out(checkout, Path("nix/appliance"), ROOT / "nix/appliance")
    (checkout / "plugin").symlink_to(ROOT / "plugin")
    path = (checkout / PROGRAM).parent
    path.mkdir(parents=True)
    shutil.copy(ROOT / PROGRAM, path)
    made = YamlProgram(path, checkout / "nix/appliance", environment(tmp_path), free_ports(1)[0])
    made.replace("hostPort: 8081", f"hostPort: {made.port}")
    made.pulumi("stack", "init", "--no-select", "test")
    yield made
    end_plugins(path)
    made.pulumi("destroy", "--yes", "--skip-preview")
    assert not list(qemus(path))
    assert not list((path / ".state/test").glob("roots/*"))


def test_the_example(program: YamlProgram) -> None:
    preview = program.preview()
    assert "flakeship:index:LocalServer" in preview
    assert not (program.path / ".state/test/machines").exists()
    program.up()
    outputs = program.outputs()
    assert outputs["sha512"] == describe(Path(outputs["image"])).sha512
    assert outputs["page"] == f"http://127.0.0.1:{program.port}/"
    assert "appliance" in program.page()
    program.preview("--expect-no-changes")

    program.edit("Hello", "Good day")
    program.replace("contains: appliance", "contains: cheese")
    failed = program.up(check=False)
    assert "✗ greeting" in failed
    assert "Hello" in program.page()


def test_a_mistake_is_one_line(program: YamlProgram) -> None:
    program.replace("host: appliance", "host: aplliance")
    assert "Did you mean appliance?" in program.refused()
    program.replace("host: aplliance", "host: appliance")
    program.replace("memory: 512M", "memory: 512Q")
    assert "memory" in program.refused()
    assert not list(qemus(program.path))
