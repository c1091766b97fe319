"""The cost of evaluating NixOS hosts, compared with less, and with the same in more steps."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dev.bench.table import show
from flakeship.nix import workers
from flakeship.nix.store import NIX
from tests.nix.known import Repository, repository
from tests.nix.nixpkgs import NoNixpkgsError, reference
from tests.project import ROOT

HOST, VARIANT = "web", "qemu"
HOSTS = ("web", "gateway", "cloud-init", "openstack-template")
COLD = os.environ | {"NIX_CONFIG": f"{os.environ.get('NIX_CONFIG', '')}\neval-cache = false"}
RUNS = 3

ONE = """
from flakeship.nix import evaluate as host
evaluate = lambda: host.evaluate(flake, hosts[0], variant, Path("access"))
"""
MANY = """
from flakeship.config import settings
from flakeship.release import desired
from flakeship.targets import registry
desired.workers = (lambda _: 1) if {alone} else desired.workers
config = {{"flakeship:flake": flake, "flakeship:host": hosts[0], "flakeship:variant": variant}}
given, target = settings.read(config, registry.spec, registry.names())
evaluate = lambda: desired.Flake(given, "bench", target).releases(hosts)
"""
TIMED = """
import sys, time
from pathlib import Path
flake, variant, *hosts = sys.argv[1:]
{}
start = time.perf_counter()
evaluate()
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of processors, and the peak of the largest process in MB."""

    seconds: float
    busy: float
    peak: float


def evaluation() -> None:
    """Measure one host and several, where there is a nixpkgs."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        try:
            nixpkgs = reference(path / "root")
        except NoNixpkgsError as error:
            print(f"\nThe evaluation of NixOS hosts is not measured: {error}\n", flush=True)
            return
        made = repository(path / "hosts", nixpkgs)
        (path / "access").mkdir()
        (path / "access/authorized_keys").touch()
        one(made, path)
        several(made, path)


def one(made: Repository, path: Path) -> None:
    """One host in one variant."""
    machine = f"{made.hosts}#nixosConfigurations.{HOST}.config"
    toplevel = f"{machine}.system.build.toplevel"
    rebuild = (
        ("eval", "--json", f"{machine}.system.build.images", "--apply", "builtins.attrNames"),
        ("path-info", "--derivation", f"{machine}.system.build.image"),
        ("eval", "--raw", f"{machine}.image.filePath"),
    )
    ours, peer, three = [], [], []
    for _ in range(RUNS):  # in turn: what else the machine does meets them all
        ours.append(timed(ONE, made, path, (HOST,), COLD))
        peer.append(nix(("eval", "--raw", f"{toplevel}.drvPath"), COLD))
        three.append([nix(words, COLD) for words in rebuild])
    timed(ONE, made, path, (HOST,), dict(os.environ))
    cached = [timed(ONE, made, path, (HOST,), dict(os.environ)) for _ in range(RUNS)]
    whole = [total(each) for each in three]
    show(
        f"the evaluation of {HOST}, {VARIANT}, best of {RUNS}",
        ("what", "seconds", "of CPU", "peak MB"),
        [
            ("`nix eval` of the system alone", *best(peer)),
            ("the three evaluations of `nixos-rebuild build-image`", *best(whole)),
            ("Flakeship: system, image and manifest", *best(ours)),
            ("Flakeship again, from the evaluation cache", *best(cached)),
        ],
    )


def several(made: Repository, path: Path) -> None:
    """Several hosts at once, and one after the other."""
    alone = timed(MANY.format(alone=True), made, path, HOSTS, COLD)
    together = timed(MANY.format(alone=False), made, path, HOSTS, COLD)
    show(
        f"the evaluation of {len(HOSTS)} hosts, {os.cpu_count()} cores, "
        f"{workers.available_memory() or 0} MiB of memory to spare",
        ("what", "seconds", "of CPU", "largest process MB"),
        [
            ("one after the other", *best([alone])),
            (f"{workers.workers(len(HOSTS))} at a time", *best([together])),
        ],
    )


def total(costs: Sequence[Cost]) -> Cost:
    """What several steps cost together."""
    seconds, busy = sum(cost.seconds for cost in costs), sum(cost.busy for cost in costs)
    return Cost(seconds, busy, max(cost.peak for cost in costs))


def best(costs: Sequence[Cost]) -> tuple[float, float, float]:
    """The least seconds, and the most memory."""
    least = min(costs, key=lambda cost: cost.seconds)
    return least.seconds, least.busy, max(cost.peak for cost in costs)


def timed(
    code: str, made: Repository, path: Path, hosts: Sequence[str], env: dict[str, str]
) -> Cost:
    """What one evaluation by Flakeship costs, without the start of Python."""
    argv = [sys.executable, "-c", TIMED.format(code), made.hosts, VARIANT, *hosts]
    printed, cost = measured(argv, path, env | {"PYTHONPATH": str(ROOT)})
    return Cost(float(printed), cost.busy, cost.peak)


def nix(words: Sequence[str], env: dict[str, str]) -> Cost:
    """What one call of Nix costs."""
    return measured([*NIX, *words, "--no-write-lock-file"], ROOT, env)[1]


def measured(argv: Sequence[str], cwd: Path, env: dict[str, str]) -> tuple[str, Cost]:
    """The output of a command and its cost, children included."""
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            assert process.stdout
            printed = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        assert process.returncode == 0, errors.read()
    seconds = time.perf_counter() - start
    return printed, Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


if __name__ == "__main__":
    evaluation()
