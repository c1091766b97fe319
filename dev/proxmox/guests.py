"""Guests: QEMU processes in plain emulation, each with a channel to its guest agent."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dev.proxmox import cloudinit
from dev.proxmox.errors import PveError
from dev.proxmox.network import Network
from flakeship.model.errors import CommandError
from flakeship.system.process import run
from flakeship.targets.local import qemu_process
from flakeship.targets.local.qmp import QmpError, connect

if TYPE_CHECKING:
    from dev.proxmox.machines import Machine

AGENT_SECONDS = 3.0  # for the guest agent to answer
START_SECONDS = 60
FIRMWARE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
SILENT = "QEMU guest agent is not running"
BUS = {"scsi": "scsi-hd,bus=scsi.0,scsi-id={0}", "virtio": "virtio-blk-pci",
       "ide": "ide-hd,bus=ide.{1},unit={2}"}  # fmt: skip


class Guests(Protocol):
    """What runs of the VMs."""

    def start(self, machine: Machine) -> None:
        """Start one. Raises PveError."""

    def pid(self, vmid: int) -> int | None:
        """Its process, if it runs."""

    def uptime(self, vmid: int) -> int:
        """The seconds since its start."""

    def stop(self, vmid: int) -> None:
        """Pull the plug."""

    def tell(self, vmid: int, command: str, **arguments: object) -> None:
        """Run a command of QEMU's monitor. Raises PveError."""

    def agent(self, vmid: int, command: str, **arguments: object) -> Any:  # noqa: ANN401
        """Run a command of its agent. Raises PveError."""

    def console(self, vmid: int) -> socket.socket:
        """Its serial port. Raises OSError where it has none."""


class Qemu:
    """Guests by QEMU; each has a folder below `folder` with its sockets and its console's log."""

    def __init__(self, folder: Path, network: Network, file: Callable[[str, str], Path]) -> None:
        self._folder, self._network, self._file = folder, network, file
        self._agents: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)

    def start(self, machine: Machine) -> None:
        place = self._place(machine.vmid)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for volid in machine.drives().values():
            if "cloudinit" in volid:
                cloudinit.write(machine, self._file(machine.node, volid))
        try:
            run(self._command(machine), cwd=place, timeout=START_SECONDS)
        except CommandError as error:
            raise PveError(f"start failed: {error.stderr.strip() or error}") from error

    def pid(self, vmid: int) -> int | None:
        place = self._place(vmid)
        return int((place / "pid").read_text()) if qemu_process.exists(place) else None

    def uptime(self, vmid: int) -> int:
        return int(time.time() - (self._place(vmid) / "pid").stat().st_mtime)

    def stop(self, vmid: int) -> None:
        qemu_process.end(self._place(vmid), gently=False)

    def tell(self, vmid: int, command: str, **arguments: object) -> None:
        try:
            with connect(self._place(vmid)) as monitor:
                monitor.execute(command, **arguments)
        except QmpError as error:
            raise PveError(f"VM {vmid} qmp command '{command}' failed - {error.what}") from error

    def agent(self, vmid: int, command: str, **arguments: object) -> Any:  # noqa: ANN401
        with self._agents[vmid], socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(AGENT_SECONDS)
            try:
                channel.connect(str(self._place(vmid) / "qga.sock"))
                lines = channel.makefile("rb")
                # What an earlier caller did not read comes first: the answer to this is after it.
                token = time.monotonic_ns() % 2**31
                _send(channel, "guest-sync", {"id": token})
                while _answer(lines.readline()) != {"return": token}:
                    pass
                _send(channel, command, arguments)
                if command == "guest-shutdown":
                    return None
                answer = _answer(lines.readline())
            except OSError as error:
                raise PveError(SILENT) from error
        if "error" in answer:
            raise PveError(f"Agent error: {answer['error']['desc']}")
        return answer["return"]

    def console(self, vmid: int) -> socket.socket:
        port = socket.socket(socket.AF_UNIX)
        try:
            port.connect(str(self._place(vmid) / "serial0.sock"))
        except OSError:
            port.close()
            raise
        return port

    def _place(self, vmid: int) -> Path:
        return self._folder / str(vmid)

    def _command(self, machine: Machine) -> list[str]:
        config, order = machine.config, machine.order
        argv = ["qemu-system-x86_64", "-name", str(machine.vmid), "-nodefaults", "-no-user-config",
                "-machine", config.get("machine", "pc").partition(",")[0],
                # plain emulation, without the instruction that lets Linux 6.12 crash at random
                "-accel", "tcg,thread=multi", "-cpu", "max,-cx16", "-display", "none",
                "-smp", str(machine.cpus), "-m", str(machine.memory),
                "-smbios", f"type=1,{config['smbios1']}",
                "-device", "virtio-rng-pci", "-device", "virtio-scsi-pci,id=scsi",
                "-chardev", "socket,id=qmp,path=qmp.sock,server=on,wait=off",
                "-mon", "chardev=qmp,mode=control", "-pidfile", "pid", "-daemonize"]  # fmt: skip
        if machine.agent:
            argv += ["-chardev", "socket,id=qga,path=qga.sock,server=on,wait=off",
                     "-device", "virtio-serial", "-device",
                     "virtserialport,chardev=qga,name=org.qemu.guest_agent.0"]  # fmt: skip
        for key, value in sorted(config.items()):
            boot = f",bootindex={order.index(key) + 1}" if key in order else ""
            if key == "serial0":
                argv += ["-chardev", "socket,id=serial0,path=serial0.sock,server=on,wait=off,"
                         "logfile=serial0.log", "-serial", "chardev:serial0"]  # fmt: skip
            elif re.fullmatch(r"net\d+", key):
                model, address = next(part.split("=") for part in value.split(",") if ":" in part)
                card = "virtio-net-pci" if model == "virtio" else model
                argv += ["-netdev", f"{self._network.end()},id={key}",
                         "-device", f"{card},mac={address},netdev={key}{boot}"]  # fmt: skip
            elif key in machine.drives():
                argv += self._drive(machine, key, boot)
        if config.get("bios") == "ovmf":
            if not FIRMWARE.exists():
                raise PveError(f"EFI base image '{FIRMWARE}' not found: install ovmf")
            argv += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={FIRMWARE}"]
        return argv

    def _drive(self, machine: Machine, key: str, boot: str) -> list[str]:
        file = self._file(machine.node, machine.drives()[key])
        form = "raw" if file.suffix in {".iso", ".raw"} else file.suffix[1:]
        kind, number = re.match(r"([a-z]+)(\d+)", key).groups()  # type: ignore[union-attr]
        if kind == "efidisk":
            return ["-drive", f"if=pflash,unit=1,format={form},file={file}"]
        device = BUS[kind].format(number, int(number) // 2, int(number) % 2)
        cdrom = "media=cdrom" in machine.config[key]
        device = device.replace("-hd", "-cd") if cdrom else device
        media = "cdrom" if cdrom else "disk"
        return ["-drive", f"if=none,id=drive-{key},file={file},format={form},media={media}",
                "-device", f"{device},drive=drive-{key}{boot}"]  # fmt: skip


def _send(channel: socket.socket, command: str, arguments: object) -> None:
    channel.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")


def _answer(line: bytes) -> dict[str, Any]:
    if not line:
        raise ConnectionError
    answer: dict[str, Any] = json.loads(line.lstrip(b"\xff"))
    return answer
