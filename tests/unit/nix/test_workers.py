"""As many evaluations at a time as processors and memory allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.nix import workers as memory


def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mebibytes: int, cores: int) -> None:
    """A machine with so many cores and so much memory to spare."""
    file = tmp_path / "meminfo"
    file.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {mebibytes * 1024} kB\n")
    monkeypatch.setattr(memory, "MEMINFO", file)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))


@pytest.mark.parametrize(
    ("machine", "hosts", "workers"),
    [
        ((16000, 8), 3, 3),
        ((16000, 2), 8, 2),
        ((3500, 8), 8, 3),
        ((300, 8), 8, 1),
        ((16000, 8), 0, 1),
    ],
)
def test_as_many_evaluations_as_cores_and_memory_hold(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    machine: tuple[int, int],
    hosts: int,
    workers: int,
) -> None:
    told(monkeypatch, tmp_path, *machine)
    assert memory.workers(hosts) == workers


@pytest.mark.parametrize("text", ["", "MemTotal: 99999999 kB\n", None])
def test_where_nobody_tells_of_the_memory_cores_decide(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None
) -> None:
    told(monkeypatch, tmp_path, 0, 4)
    if text is None:
        memory.MEMINFO.unlink()
    else:
        memory.MEMINFO.write_text(text)
    assert memory.available_memory() is None
    assert memory.workers(9) == 4


@pytest.mark.parametrize(
    ("group", "above", "left"),
    [
        (("max", "5"), ("max", "5"), 9000),
        (("3000", "1000"), ("max", "5"), 2100),
        (("8000", "1000"), ("2000", "1500"), 600),
        (("1000", "1200"), ("max", "5"), 0),
        (("64000", "0"), ("max", "5"), 9000),
    ],
)
def test_a_control_group_leaves_less(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    group: tuple[str, str],
    above: tuple[str, str],
    left: int,
) -> None:
    told(monkeypatch, tmp_path, 9000, 4)
    memory.OWN_CGROUP.write_text("0::/user.slice/shell\n")
    own = memory.CGROUPS / "user.slice/shell"
    own.mkdir(parents=True)
    for folder, numbers in ((own, group), (own.parent, above)):
        for name, mebibytes in zip(("max", "current"), numbers, strict=True):
            text = mebibytes if mebibytes == "max" else str(int(mebibytes) << 20)
            (folder / f"memory.{name}").write_text(f"{text}\n")
        (folder / "memory.stat").write_text(f"anon 1\ninactive_file {100 << 20}\n")
    assert memory.available_memory() == left
