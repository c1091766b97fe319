"""A directory in the place of the appliance's root file system."""

from __future__ import annotations

from pathlib import Path

from flakeship.system.process import Result, run

GUEST = Path(__file__).parents[2] / "nix/appliance/guest"
DIRECTORIES = ("/etc/services", "/run", "/sys/bus/virtio/devices", "/sys/class/dmi/id",
               "/sys/bus/pci/devices", "/sys/bus/scsi/devices", "/sys/class/net",
               "/sys/class/virtio-ports", "/usr/lib/appliance", "/var/lib")  # fmt: skip


class Root:
    """The root, and programs that note that they were called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for directory in DIRECTORIES:
            (path / directory[1:]).mkdir(parents=True)
        (path / "bin").mkdir()
        self.called = path / "called"

    def write(self, file: str, text: str = "") -> None:
        (self.path / file).parent.mkdir(parents=True, exist_ok=True)
        (self.path / file).write_text(text)

    def program(self, name: str, code: int = 0) -> None:
        """Where scripts look for it: on PATH, or at its path."""
        file = name if "/" in name else f"bin/{name}"
        text = f'#!/bin/sh\necho {Path(name).name} "$@" >>{self.called}\nexit {code}\n'
        self.write(file, text)
        (self.path / file).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The programs that were called, with their arguments."""
        return self.called.read_text().splitlines() if self.called.exists() else []

    def run(self, script: str, *words: str) -> Result:
        text = (GUEST / script).read_text()
        for directory in DIRECTORIES:
            text = text.replace(directory, f"{self.path}{directory}")
        text = text.replace("export PATH=", "# ")
        path = f"{self.path}/bin:/usr/bin:/bin"
        return run(["sh", "-s", "--", *words], stdin=text, env={"PATH": path}, check=False)
