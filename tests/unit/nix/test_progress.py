"""What Nix writes during a build, and the few lines that a person sees of it."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest

from flakeship.nix.progress import MOST, Progress
from flakeship.system import waiting

DRV = "/nix/store/00000000000000000000000000000000-{}.drv"
BUILDS, PATHS, WHOLE = 2, 3, 1  # numbers of activities
START = [
    {"action": "start", "id": WHOLE, "type": 102, "text": ""},
    {"action": "start", "id": BUILDS, "type": 104, "text": ""},
    {"action": "start", "id": PATHS, "type": 103, "text": ""},
]


@pytest.fixture
def nix(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Progress:
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    monkeypatch.setattr(waiting, "MOST", 0.0)
    caplog.set_level(logging.INFO, "flakeship")
    return Progress("web-1")


def write(nix: Progress, *events: dict[str, Any]) -> None:
    for each in events:
        nix.line(f"@nix {json.dumps(each)}")


def said(level: int, text: str) -> dict[str, Any]:
    return {"action": "msg", "level": level, "msg": text}


def building(number: int, name: str, *log: str) -> list[dict[str, Any]]:
    begun = {"action": "start", "id": number, "type": 105, "fields": [DRV.format(name), "", 1, 1]}
    return [begun, *({"action": "result", "id": number, "type": 101, "fields": [t]} for t in log)]


def counted(number: int, *numbers: int, kind: int = 105) -> dict[str, Any]:
    return {"action": "result", "id": number, "type": kind, "fields": [*numbers]}


def shown(nix: Progress, caplog: pytest.LogCaptureFixture) -> str:
    nix.still()
    return caplog.messages[-1]


def test_what_will_be_done_without_the_list(nix: Progress, caplog: Any) -> None:
    write(
        nix,
        said(3, "these 4 derivations will be built:"),
        *[said(3, f"  {DRV.format(number)}") for number in range(4)],
        said(3, "these 5 paths will be fetched (14.31 MiB download, 60.00 MiB unpacked):"),
        said(3, "this derivation will be built:"),
        said(3, "copying path '/nix/store/x'"),
    )
    assert caplog.messages == [
        "web-1: these 4 derivations will be built",
        "web-1: these 5 paths will be fetched (14.31 MiB download, 60.00 MiB unpacked)",
        "web-1: this derivation will be built",
    ]


def test_a_build_is_told_by_number_name_time_and_log(
    nix: Progress, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.monotonic()
    write(nix, *START, counted(BUILDS, 0, 9, 1, 0), *building(7, "linux-6.12"))
    monkeypatch.setattr(time, "monotonic", lambda: start + 20)
    write(nix, *building(8, "glibc"), counted(BUILDS, 3, 9, 2, 0))
    monkeypatch.setattr(time, "monotonic", lambda: start + 42.1)
    write(nix, building(7, "", "CC \x1b[1mx.o\x1b[0m")[1])
    assert shown(nix, caplog) == (
        "web-1: still building after 42 s: "
        "3 of 9 derivations built; building linux-6.12 and 1 more for 42 s: CC x.o"
    )
    write(nix, {"action": "stop", "id": 7})
    assert shown(nix, caplog).endswith("building glibc for 22 s")


def test_paths_are_told_by_number_and_size(nix: Progress, caplog: Any) -> None:
    mib = 2**20
    write(nix, *START, counted(PATHS, 1, 5, 2, 0), counted(WHOLE, 100, 30 * mib, kind=106))
    for number in (11, 12):
        write(nix, {"action": "start", "id": number, "type": 100, "fields": ["x", "y", "z"]})
    write(nix, counted(11, 4 * mib, 4 * mib, 0, 0), {"action": "stop", "id": 11})
    write(nix, counted(12, mib, 9 * mib, 0, 0), counted(12, 3 * mib, 9 * mib, 0, 0))
    assert shown(nix, caplog).endswith(" s: 1 of 5 paths fetched, 7 of 30 MiB")


def test_before_anything_is_built_the_oldest_activity_is_told(nix: Progress, caplog: Any) -> None:
    text = "querying info about 'x' on 'https://user:word@cache.example.org'"
    write(nix, *START, {"action": "start", "id": 5, "type": 109, "text": text})
    assert shown(nix, caplog).endswith(
        " s: querying info about 'x' on 'https://…@cache.example.org'"
    )
    write(nix, {"action": "stop", "id": 5})
    assert shown(nix, caplog).endswith(" s")


def test_lines_come_at_a_bounded_pace(caplog: pytest.LogCaptureFixture) -> None:
    nix = Progress("web-1")
    write(nix, *START, *building(7, "x", *(f"line {n}" for n in range(1000))))
    for _ in range(1000):
        nix.still()
    assert not caplog.messages


def test_warnings_are_shown_up_to_a_number(nix: Progress, caplog: Any) -> None:
    write(nix, said(1, "warning: \x1b[2Junable to download x; retrying"))
    nix.line("git: a hint")
    assert caplog.messages == ["warning: unable to download x; retrying", "git: a hint"]
    write(nix, *[said(1, f"warning: {number}") for number in range(100)])
    assert len(caplog.messages) == MOST


def test_the_log_of_the_builder_that_failed(nix: Progress) -> None:
    write(nix, *START, counted(BUILDS, 0, 9, 2, 0))
    write(nix, *building(7, "x", "gone"), *building(8, "y", *map(str, range(99))))
    write(nix, {"action": "stop", "id": 7}, *building(9, "z", "interrupted"))
    write(nix, counted(BUILDS, 1, 9, 0, 1), {"action": "stop", "id": 9})
    assert nix.failed is None
    write(nix, {"action": "stop", "id": 8})
    write(nix, said(0, f"error: builder for '{DRV.format('y')}' failed with exit code 1"))
    assert nix.failed
    assert nix.failed.drv == DRV.format("y")
    assert [*nix.failed.tail] == [str(number) for number in range(74, 99)]
    assert nix.errors == [f"error: builder for '{DRV.format('y')}' failed with exit code 1"]


@pytest.mark.parametrize(
    "line",
    [
        "@nix {", "@nix []", "@nix null", "", '@nix {"action": "start", "id": 1, "type": 105}',
        '@nix {"action": "start", "id": 1, "type": 105, "fields": "x"}',
        '@nix {"action": "result", "id": 1, "type": 105, "fields": [null]}',
        '@nix {"action": "result", "id": 9, "type": 101, "fields": []}',
        '@nix {"action": "msg", "level": "0", "msg": 1}', '@nix {"action": ["stop"], "id": {}}',
    ],
)  # fmt: skip
def test_a_line_that_is_not_as_expected_says_nothing(nix: Progress, caplog: Any, line: str) -> None:
    nix.line(line)
    nix.line('@nix {"action": "result", "id": 1, "type": 105, "fields": [1]}')
    assert not caplog.messages
    assert not nix.errors
    nix.still()
