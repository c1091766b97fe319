"""Machines for the tests of the target `local`: simulated ones, and a real QEMU that only halts."""

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
from flakeship.system import files, tcp
from flakeship.system.process import Result, run
from flakeship.targets.local import (
    cutover_run,
    disk_snapshots,
    guest,
    machine_state,
    qemu_process,
    ssh_config,
    workstation,
)
from flakeship.targets.local.machine_state import MachineRecord, save
from flakeship.targets.local.qmp import QmpError
from flakeship.targets.local.resources import CutoverRequest, DataDisk, MachineRequest, SshLogin
from flakeship.targets.local.ssh_config import SshHost
from flakeship.targets.local.stack_files import StackFiles
from flakeship.verify.checks import probe
from tests.unit.verify.machines import recorded

FILES = StackFiles("dev")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMhjTRbwBV3+ZYQg/Xm4tCzc5MgCk+LN805YI6pDO0NT"
HALT = bytes.fromhex("f4 ebfd").ljust(510, b"\0") + bytes.fromhex("55aa")

real_qemu = pytest.mark.skipif(
    not shutil.which("qemu-system-x86_64"), reason="needs qemu-system-x86_64 (`make doctor`)"
)


def request(
    machine: str = "web-aaaa-1", image: Path = Path("/nix/store/x-image/disk.qcow2"), **other: Any
) -> MachineRequest:
    given: dict[str, Any] = {
        "stack": "dev",
        "server": "web",
        "machine": machine,
        "image": str(image),
        "sha512": hashlib.sha512(image.read_bytes()).hexdigest() if image.exists() else "00",
        "vcpus": 2,
        "memory": 64,
        "disk": 16,
        "subnet": "10.3.4.0/24",
        "ports": [80],
        "data_disks": [],
        "boot": 1,
        "workstation": workstation.identity(),
    }
    return MachineRequest(**(given | other))


def raw_image(path: Path) -> Path:
    """A bootable qcow2 image whose guest halts at once."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(HALT)
    run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, path])
    return path


@dataclass
class SimulatedMachine:
    """A QEMU and its guest, as far as a cutover uses them."""

    world: World
    name: str
    forwards: dict[int, int]
    disks: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, str] = field(default_factory=dict)
    mounted: set[str] = field(default_factory=set)

    def execute(self, command: str, **given: Any) -> Any:
        if command == "query-status":
            return {"status": "running"}
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
                f"  TCP[HOST_FORWARD]  15  127.0.0.1  {host_port}  10.3.4.15  {guest_port}  0  0"
                for host_port, guest_port in self.forwards.items()
            )
            return "\n".join(["Hub -1 (net0):", *rules])
        _, _, rule, *rest = words[1].split(":")
        port = int(rule.rstrip("-"))
        if verb == "hostfwd_add":
            self.world.step(
                f"{self.name}: {line}", lambda: self.forwards.update({port: int(rest[0])})
            )
        else:
            self.world.step(f"{self.name}: {line}", lambda: self.forwards.pop(port))
        return ""

    def mount(self, name: str) -> None:
        """Its service writes to the disk."""
        self.mounted.add(name)
        self.world.contents[name] = self.name

    def wait(self, event: str, seconds: float, **data: object) -> None:
        pass

    def run(self, command: str, *, stdin: str = "", **_unused: Any) -> Result:
        if stdin == probe.SCRIPT:
            return Result(0, recorded("probe.txt"), "")
        given = command.partition("sh -s ")[2]
        name = (given or command).split()[0 if given else -1].strip("'")
        if command.startswith("mounted"):  # a user's check
            self.world.step(f"{self.name}: {command}", lambda: None)
            return Result(0 if name in self.mounted else 1, "", "")
        if "mkfs" in stdin:
            if name not in self.disks:
                raise CommandError("failed", 1, f"no disk with the serial number {name}")
            if name not in self.mounted:
                self.world.step(f"{self.name}: mount {name}", lambda: self.mount(name))
        elif name in self.mounted:
            self.world.step(f"{self.name}: unmount {name}", lambda: self.mounted.remove(name))
        return Result(0, "", "")


@dataclass
class World:
    """Every pretended machine, and every change in its order; some of them may fail."""

    machines: dict[str, SimulatedMachine] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    late: bool = False
    contents: dict[str, str] = field(default_factory=lambda: {"pg": ""})
    snapshots: dict[str, dict[str, str]] = field(default_factory=dict)
    restored: list[str] = field(default_factory=list)
    logins: list[tuple[Endpoint, Sequence[str]]] = field(default_factory=list)

    def step(self, what: str, act: Callable[[], object]) -> None:
        """Do one thing; those that fail do it once, before (or, `late`, after) their effect."""
        fails = what in self.fails
        self.fails.discard(what)
        if not fails or self.late:
            act()
        if fails:
            raise QmpError("injected", what, "GenericError")
        self.steps.append(what)

    def take(self, file: Path, name: str, _keep: int) -> None:
        content = self.contents.get(file.stem, "")
        taken = self.snapshots.setdefault(file.stem, {})
        self.step(f"snapshot {file.stem}", lambda: taken.update({name: content}))

    def restore(self, file: Path, name: str, *, keep: bool) -> None:
        if name in self.snapshots.get(file.stem, {}):
            self.contents[file.stem] = self.snapshots[file.stem][name]
            self.restored.append(self.contents[file.stem])
            if not keep:
                del self.snapshots[file.stem][name]

    def add(self, name: str, forwards: dict[int, int] | None = None) -> SimulatedMachine:
        own = {22: 61022 + len(self.machines), 80: 61080 + len(self.machines)}
        FILES.machine(name).mkdir(parents=True)
        save(FILES.machine(name), MachineRecord(name, 1, "tcg", own, workstation.identity()))
        listed = {host: guest for guest, host in own.items()} | (forwards or {})
        self.machines[name] = SimulatedMachine(self, name, listed)
        return self.machines[name]

    @contextmanager
    def connect(self, directory: Path, _seconds: float = 1.0) -> Iterator[SimulatedMachine]:
        yield self.machines[directory.name]

    @contextmanager
    def login(self, endpoint: Endpoint, keys: Sequence[str]) -> Iterator[SimulatedMachine]:
        self.logins.append((endpoint, keys))
        yield self.machines[endpoint.name]

    def state(self) -> dict[str, object]:
        """Everything that a failed cutover has to leave as it was; it may count."""
        kept = {
            name: (m.forwards.copy(), set(m.disks), set(m.nodes), m.mounted.copy())
            for name, m in self.machines.items()
        }
        files = {
            path: path.read_text()
            for path in Path(".state").rglob("*")
            if path.is_file() and path.parent.name != "cutovers"
        }
        return {"machines": kept, "files": files, "contents": self.contents.copy()}


@contextmanager
def world(patch: pytest.MonkeyPatch, directory: Path) -> Iterator[World]:
    """Simulate machines in an empty directory, where every host port is free."""
    patch.chdir(directory)
    simulated = World()
    for module in (machine_state, cutover_run):
        patch.setattr(module, "connect", simulated.connect)
    for change in ("take", "restore"):
        patch.setattr(disk_snapshots, change, getattr(simulated, change))
    for query in ("exists", "recovers"):
        patch.setattr(qemu_process, query, lambda path: path.name in simulated.machines)
    patch.setattr(qemu_process, "state", lambda _: "running")
    patch.setattr(guest, "login", simulated.login)
    patch.setattr(tcp, "is_free", lambda _: True)
    put, write = ssh_config.put, files.write

    def put_host(config: Path, host: SshHost) -> None:
        simulated.step(f"ssh_config {host.server} = {host.machine}", lambda: put(config, host))

    def write_file(path: Path, text: str) -> None:
        simulated.step(f"{path.parent.name} = {text.strip()}", lambda: write(path, text))

    patch.setattr(ssh_config, "put", put_host)
    patch.setattr(cutover_run, "write", write_file)
    yield simulated


def cutover_request(machine: str, server: str = "web", **other: Any) -> CutoverRequest:
    given: dict[str, Any] = {
        "stack": "dev",
        "server": server,
        "machine": machine,
        "ssh": SshLogin(61022, "nixos", ".state/id", (KEY,)),
        "forwards": {18080: 80, 18443: 443},
        "data_disks": {"pg": DataDisk(64)},
        "workstation": "",
        "generation": 0,
    }
    return CutoverRequest(**(given | other))


def refusal(run: Callable[[], object]) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        run()
    return raised.value
