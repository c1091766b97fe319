"""The lock: which packages, in which version, and where each lies in the Nix store."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from nixstore import flat_path, tree_path
from package import Package

HERE = Path(__file__).resolve().parent
LOCK = HERE / "lock.json"
WANTED = HERE / "packages.json"
BOOTSTRAP = "bootstrap"


@dataclass(frozen=True)
class Lock:
    """What lock.json says."""

    suite: str
    release: str
    date: datetime
    kernel: str
    bootstrap: str  # sha256 of the NAR of the tree with bin/busybox
    packages: dict[str, Package]

    def bootstrap_path(self) -> Path:
        """The tree with the first busybox."""
        return tree_path(BOOTSTRAP, self.bootstrap)

    def deb_paths(self) -> dict[str, Path]:
        """Each package's file in the store."""
        return {name: flat_path(f"{name}.deb", p.sha256) for name, p in self.packages.items()}


def read(file: Path = LOCK) -> Lock:
    """The committed lock."""
    data = json.loads(file.read_text())
    found = {name: Package(name=name, **fields) for name, fields in data["packages"].items()}
    return Lock(
        data["suite"],
        data["release"],
        datetime.fromisoformat(data["date"]),
        data["kernel"],
        data["bootstrap"],
        found,
    )


def write(lock: Lock, file: Path = LOCK) -> None:
    """Writes it in an order that makes small differences."""

    def entry(package: Package) -> dict[str, object]:
        hidden = ("name", "depends")
        return {key: value for key, value in asdict(package).items() if key not in hidden}

    data = {
        "suite": lock.suite,
        "release": lock.release,
        "date": lock.date.isoformat(),
        "kernel": lock.kernel,
        "bootstrap": lock.bootstrap,
        "packages": {name: entry(package) for name, package in sorted(lock.packages.items())},
    }
    file.write_text(json.dumps(data, indent=1) + "\n")
