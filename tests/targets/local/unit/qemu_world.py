"""Machines for the tests of the target `local`: pretended ones, and a real QEMU that only halts."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.ssh.options import Endpoint
from flakeship.system import files
from flakeship.system.process import Result, run
from flakeship.targets.local import (
    cutover,
    cutover_generation,
    host,
    port_moves,
    qemu_process,
    running_machine,
    ssh_config,
)
from flakeship.targets.local.machine_record import MachineRecord, save
from flakeship.targets.local.qmp import QmpError
from flakeship.targets.local.requests import CutoverRequest, MachineRequest
from flakeship.verify.checks import probe
from tests.unit.verify.machines import recorded

MACHINES = Path(".state/dev/machines")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMhjTRbwBV3+ZYQg/Xm4tCzc5MgCk+LN805YI6pDO0NT"
HALT = bytes.fromhex("f4 ebfd").ljust(510, b"\0") + bytes.fromhex("55aa")

real_qemu = pytest.mark.skipif(
    not shutil.which("qemu-system-x86_64"), reason="needs qemu-system-x86_64 (`make doctor`)"
)


def request(
    machine: str = "web-aaaa-1", image: Path = Path("/nix/store/x-image/disk.qcow2"), **other: Any
) -> MachineRequest:
    given: dict[str, Any] = {
        "id": machine,
        "directory": str(MACHINES / machine),
        "active": ".state/dev/active/web",
        "image": str(image),
        "sha512": hashlib.sha512(image.read_bytes()).hexdigest() if image.exists() else "00",
        "vcpus": 2,
        "memory": 64,
        "disk": 16,
        "subnet": "10.3.4.0/24",
        "ports": [80],
        "disks": {},
        "boot": 1,
        "lives_on": host.this_host(),
    }
    return MachineRequest(**(given | other))


def raw_image(path: Path) -> Path:
    """A bootable qcow2 image whose guest halts at once."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(HALT)
    run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path])
    return path


@dataclass
class Pretended:
    """A QEMU and its guest, as far as a cut-over sees them."""

    world: World
    name: str
    forwards: dict[int, int]
    disks: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    mounted: set[str] = field(default_factory=set)

    def execute(self, command: str, **given: Any) -> Any:
        if command == "qom-list":
            return [{"name": f"disk-{name}"} for name in ["root", *self.disks]]
        if command == "query-named-block-nodes":
            return [{"node-name": name, "file": file} for name, file in self.nodes.items()]
        act: dict[str, Callable[[], object]] = {
            "blockdev-add": lambda: self.nodes.update(
                {given["node-name"]: given["file"]["filename"]}
            ),
            "blockdev-del": lambda: self.nodes.pop(given["node-name"]),
            "device_add": lambda: self.disks.update({given["serial"]: given["drive"]}),
            "device_del": lambda: self.disks.pop(given["id"].removeprefix("disk-")),
        }
        self.world.step(f"{self.name}: {command}", act[command])
        return {}

    def human(self, line: str) -> str:
        verb, *words = line.split()
        if verb == "info":
            rules = (
                f"  TCP[HOST_FORWARD]  15  127.0.0.1  {here}  10.3.4.15  {there}  0  0"
                for here, there in self.forwards.items()
            )
            return "\n".join(["Hub -1 (net0):", *rules])
        _, _, here, *rest = words[1].split(":")
        port = int(here.rstrip("-"))
        if verb == "hostfwd_add":
            self.world.step(
                f"{self.name}: {line}", lambda: self.forwards.update({port: int(rest[0])})
            )
        else:
            self.world.step(f"{self.name}: {line}", lambda: self.forwards.pop(port))
        return ""

    def wait(self, event: str, seconds: float, **data: object) -> None:
        pass

    def run(self, command: str, *, stdin: str = "", **_: Any) -> Result:
        if stdin == probe.SCRIPT:
            return Result(0, recorded("probe.txt"), "")
        name = command.rpartition(" ")[2].strip("'")
        if command.startswith("mounted"):  # a user's check
            self.world.step(f"{self.name}: {command}", lambda: None)
            return Result(0 if name in self.mounted else 1, "", "")
        if "mkfs" in stdin:
            if name not in self.disks:
                raise CommandError("failed", 1, f"no disk with the serial number {name}")
            if name not in self.mounted:
                self.world.step(f"{self.name}: mount {name}", lambda: self.mounted.add(name))
        elif name in self.mounted:
            self.world.step(f"{self.name}: unmount {name}", lambda: self.mounted.remove(name))
        return Result(0, "", "")


@dataclass
class World:
    """Every pretended machine, and every change in its order; some of them may fail."""

    machines: dict[str, Pretended] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    late: bool = False
    logins: list[tuple[Endpoint, Sequence[str]]] = field(default_factory=list)

    def step(self, what: str, act: Callable[[], object]) -> None:
        """Do one thing; those that fail do it once, before (or, `late`, after) their effect."""
        fails = what in self.fails
        self.fails.discard(what)
        if not fails or self.late:
            act()
        if fails:
            raise QmpError(f"{what} failed", "GenericError")
        self.steps.append(what)

    def add(self, name: str, forwards: dict[int, int] | None = None) -> Pretended:
        own = {22: 61022 + len(self.machines), 80: 61080 + len(self.machines)}
        (MACHINES / name).mkdir(parents=True)
        save(MACHINES / name, MachineRecord(name, 1, "tcg", own, host.this_host()))
        listed = {here: there for there, here in own.items()} | (forwards or {})
        self.machines[name] = Pretended(self, name, listed)
        return self.machines[name]

    @contextmanager
    def connect(self, directory: Path, _seconds: float = 1.0) -> Iterator[Pretended]:
        yield self.machines[directory.name]

    @contextmanager
    def login(self, endpoint: Endpoint, keys: Sequence[str]) -> Iterator[Pretended]:
        self.logins.append((endpoint, keys))
        yield self.machines[endpoint.name]

    def state(self) -> dict[str, object]:
        """Everything that a failed cut-over has to leave as it was."""
        kept = {
            name: (m.forwards.copy(), set(m.disks), set(m.nodes), m.mounted.copy())
            for name, m in self.machines.items()
        }
        files = {path: path.read_text() for path in Path(".state").rglob("*") if path.is_file()}
        return {"machines": kept, "files": files}


@contextmanager
def world(patch: pytest.MonkeyPatch, directory: Path) -> Iterator[World]:
    """Pretend machines in an empty directory."""
    patch.chdir(directory)
    here = World()
    for module in (running_machine, port_moves, cutover_generation):
        patch.setattr(module, "connect", here.connect)
    for asked in ("exists", "runs", "recovers"):
        patch.setattr(qemu_process, asked, lambda directory: directory.name in here.machines)
    put, write = ssh_config.put, files.write

    def named(config: Path, name: ssh_config.Name) -> None:
        here.step(f"name {name.server} = {name.machine}", lambda: put(config, name))

    def written(path: Path, text: str) -> None:
        here.step(f"active = {text.strip()}", lambda: write(path, text))

    patch.setattr(ssh_config, "put", named)
    patch.setattr(cutover, "write", written)
    yield here


def move(machine: str, **other: Any) -> CutoverRequest:
    given: dict[str, Any] = {
        "server": "web",
        "machine": machine,
        "boot": 1,
        "directories": str(MACHINES),
        "active": ".state/dev/active/web",
        "ssh_config": ".state/dev/ssh_config",
        "ssh_port": 61022,
        "user": "nixos",
        "identity": ".state/id",
        "host_keys": [KEY],
        "forwards": {18080: 80, 18443: 443},
        "disks": {"pg": ".state/dev/disks/web/pg.qcow2"},
        "sizes": {"pg": 64},
        "lives_on": "",
    }
    return CutoverRequest(**(given | other))


def refusal(run: Callable[[], object]) -> str:
    with pytest.raises(FlakeshipError) as caught:
        run()
    return str(caught.value)
