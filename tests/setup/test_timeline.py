"""The timeline of a run: what it reads of the engine, of a cloud's access logs and of /proc."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev.bench.openstack.meter import Call, kind, tokens
from dev.bench.timeline import access, events, phases, table
from dev.bench.timeline.events import Event
from dev.bench.timeline.processes import Sampled, Sampler, peak
from dev.bench.timeline.watch import Line, Tail, watching
from flakeship.rollout.phases import OTHERS

RECORDED = Path(__file__).parent / "recorded/events.jsonl"
ACCESS = {
    "keystone": """\
[pid: 391|app: 0|req: 400/397] 198.51.100.2 () {34 vars in 497 bytes} [Sat Nov 28 01:00:27 2026] \
POST /v3/auth/tokens => generated 3326 bytes in 410 msecs (HTTP/1.1 201) 6 headers in 401 bytes \
(1 switches on core 2)
[pid: 391|app: 0|req: 401/398] 198.51.100.1 () {34 vars in 840 bytes} [Sat Nov 28 01:00:27 2026] \
GET /v3/auth/tokens => generated 3326 bytes in 18 msecs (HTTP/1.1 200) 6 headers in 401 bytes \
(1 switches on core 2)
2026-11-28 01:00:27.000 391 WARNING keystone.server [None] Deprecated
""",
    "nova": """\
[pid: 609|app: 0|req: 398/398] 198.51.100.2 () {38 vars in 866 bytes} [Sat Nov 28 01:03:20 2026] \
POST /v2.1/servers/92b1e69d-1ab4-409b-9b55-ad2a1dadad8f/action => generated 14 bytes in 230 msecs \
(HTTP/1.1 200) 9 headers in 358 bytes (1 switches on core 1)
""",
    "glance": """\
[pid: 611|app: 0|req: 398/398] 198.51.100.2 () {30 vars in 725 bytes} [Sat Nov 28 01:05:28 2026] \
GET /v2/images?flakeship_stack=test-3d30346d&os_hidden=true => generated 114 bytes in 16 msecs \
(HTTP/1.1 200) 4 headers in 157 bytes (1 switches on core 0)
""",
}
"""What uWSGI wrote in the lab: of clients on this machine, and of services among each other."""


def test_calls_are_those_of_this_machine() -> None:
    lines = [
        Line(5.0, Path(f"{service}.log"), text)
        for service, log in ACCESS.items()
        for text in log.splitlines()
    ]
    found = access.calls(lines, "198.51.100.2")
    assert [(kind(call), round(call.start, 3), call.end) for call in found] == [
        ("keystone POST /v3/auth/tokens", 4.59, 5.0),
        ("nova POST /v2.1/servers/…/action", 4.77, 5.0),
        ("glance GET /v2/images, hidden", 4.984, 5.0),
    ]
    assert tokens(found) == 1
    assert access.calls(lines, "198.51.100.3") == []


def test_a_tail_is_what_was_added_in_whole_lines(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("before\n")
    tails = [Tail(old), Tail(new)]
    assert [tail.lines() for tail in tails] == [[], []]
    with old.open("a") as file:
        file.write("one\ntw")
    new.write_text("first\n")
    assert [tail.lines() for tail in tails] == [["one"], ["first"]]
    with old.open("a") as file:
        file.write("o\n")
    assert [tail.lines() for tail in tails] == [["two"], []]


PARENT = """
import subprocess, sys
held = bytearray(40_000_000)
child = subprocess.Popen([sys.executable, "-c", "input()"], env={})
sys.stdin.read()
child.kill()
child.wait()
"""


def until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_has_its_processes_and_their_children_and_no_others() -> None:
    argv = [sys.executable, "-c", PARENT]
    with subprocess.Popen(argv, stdin=subprocess.PIPE) as other, watching() as watch:
        env = os.environ | watch.env
        with subprocess.Popen(argv, stdin=subprocess.PIPE, env=env) as ours:
            seen = watch.sampler.seen
            until(lambda: len(seen) == 2 and max(seen[0].pss.values(), default=0.0) > 40)
            assert ours.stdin
            ours.stdin.close()
            ours.wait()
        assert other.stdin
        other.stdin.close()
    assert seen[0].pid == ours.pid
    assert {each.pid for each in seen}.isdisjoint({other.pid})
    assert seen[0].rss > 40
    assert seen[0].cpu > 0
    assert not seen[0].stays
    assert peak(seen) > 40


def test_what_still_runs_at_the_end_is_no_part_of_the_run() -> None:
    argv = [sys.executable, "-c", PARENT]
    with watching() as watch:
        guest = subprocess.Popen(argv, stdin=subprocess.PIPE, env=os.environ | watch.env)
        seen = watch.sampler.seen
        until(lambda: seen and max(seen[0].pss.values(), default=0.0) > 40)
    with guest:
        assert seen[0].stays
        assert peak(seen) == 0.0
        assert guest.stdin
        guest.stdin.close()
    rows = table.rows([], [], seen, watch.seconds)
    assert [row[0] for row in rows if str(row[0]).startswith("process ")] == []


def test_what_has_no_mark_is_left_out() -> None:
    sampler = Sampler("no process has this mark")
    sampler.look(0.0)
    assert sampler.seen == []


@pytest.mark.parametrize(
    ("words", "program", "name"),
    [
        (["/e/bin/pulumi", "up"], "pulumi", "pulumi"),
        (["/p/pulumi-resource-command", "127.0.0.1:1"], "pulumi-resource-command",
         "pulumi-resource-command"),
        ([".venv/bin/python", "-u", "/e/bin/pulumi-language-python-exec", "--monitor"],
         "python3.11", "the program"),
        ([".venv/bin/python", "-m", "flakeship", "internal", "build-image"], "python3.11",
         "flakeship internal build-image"),
        (["/c/.venv/bin/python", "/c/flakeship/provider/pulumi-resource-flakeship", "1"],
         "python3.11", "python pulumi-resource-flakeship"),
        (["nix", "build", "x"], "nix", "nix build"),
        (["/l/ld-linux-x86-64.so.2", "--library-path", "/l", "--argv0", "nix", "/u/nix", "eval"],
         "ld-linux-x86-64.so.2", "nix eval"),
    ],
)  # fmt: skip
def test_a_process_is_named_by_what_it_does(words: list[str], program: str, name: str) -> None:
    assert Sampled(1, 1, 0.0, words=words, program=program).name == name


STACK = "urn:pulumi:dev::flakeship::"


def logged(kind: str, at: float, op: str, token: str, name: str, **state: Any) -> Event:
    """An event of a resource as the engine logs it; the type may have its parents' before it."""
    metadata = {
        "op": op,
        "urn": f"{STACK}{token}::{name}",
        "type": token.rpartition("$")[2],
        "new": {"custom": True, **state},
    }
    return Event(at, {kind: {"metadata": metadata}})


PRE, OUT, FAILED = "resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"
PROOF = {
    "machine": "web-1-32eb",
    "seconds_to_ssh": 3.5,
    "checks": [{"name": "system", "passed": True, "milliseconds": 250, "detail": "running"}],
}
OWN = "flakeship:local:Server$flakeship:local:"
LOG = [
    logged(PRE, 1.0, "create", "pulumi:pulumi:Stack", "flakeship-dev", custom=False),
    logged(PRE, 2.0, "create", "flakeship:local:Server", "web", custom=False),
    logged(PRE, 2.1, "same", f"{OWN}DataDisk", "web.data"),
    logged(OUT, 2.1, "same", f"{OWN}DataDisk", "web.data"),
    logged(PRE, 2.2, "create", f"{OWN}Machine", "web-1-32eb"),
    logged(OUT, 4.0, "create", f"{OWN}Machine", "web-1-32eb"),
    logged(PRE, 4.1, "create", f"{OWN}Verification", "web-1-32eb"),
    Event(5.0, {"diagnosticEvent": {"urn": f"{STACK}{OWN}Verification::web-1-32eb",
                                    "message": "<{%reset%}>SSH answers after 3.5 s\n"}}),
    Event(6.0, {"diagnosticEvent": {"urn": f"{STACK}{OWN}Verification::web-1-32eb",
                                    "message": "SSH answers after 4.5 s"}}),
    logged(OUT, 9.0, "create", f"{OWN}Verification", "web-1-32eb", outputs={"result": PROOF}),
    logged(PRE, 9.1, "update", "flakeship:local:Cutover", "web"),
    logged(OUT, 9.5, "update", "flakeship:local:Cutover", "web"),
    logged(PRE, 9.6, "delete", f"{OWN}Machine", "web-0-32eb"),
    logged(FAILED, 9.8, "delete", f"{OWN}Machine", "web-0-32eb"),
]  # fmt: skip


def test_steps_are_what_a_plugin_did() -> None:
    found = [(s.operation, s.type, s.start, s.end, s.failed) for s in events.steps(LOG)]
    assert found == [
        ("create", "flakeship:local:Machine", 2.2, 4.0, False),
        ("create", "flakeship:local:Verification", 4.1, 9.0, False),
        ("update", "flakeship:local:Cutover", 9.1, 9.5, False),
        ("delete", "flakeship:local:Machine", 9.6, 9.8, True),
    ]
    assert [(m.at, m.text) for m in events.messages(LOG)] == [(5.0, "SSH answers after 3.5 s")]
    assert events.first_resource(LOG) == 2.0
    assert events.evidence(LOG) == [PROOF]


def test_a_recorded_run() -> None:
    """A second release on the target fake; of its events only what is read here was kept."""
    stored = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    lines = [Line(each["at"], Path("events"), json.dumps(each["event"])) for each in stored]
    log = events.read([*lines, Line(99.0, Path("events"), '{"sequence": 1')])
    steps = events.steps(log)
    assert [(s.operation, s.name, s.start, s.end) for s in steps] == [
        ("create", "image-tiny-iwj6npr2", 5.17, 6.66),
        ("create", "published-tiny-iwj6npr2", 6.66, 8.16),
        ("create", "machine-web-iwj6npr2-3cb9", 8.21, 10.18),
        ("create", "verification-web-iwj6npr2-3cb9", 10.22, 12.45),
        ("update", "cutover-web", 12.49, 14.1),
    ]
    assert [each["machine"] for each in events.evidence(log)] == ["web-iwj6npr2-3cb9"]
    found = phases.phases(log, steps, [], [], 14.59)
    assert [(each.title.strip(), each.start, each.end) for each in found] == [
        ("engine and plugins start", 0.0, 0.0),
        (phases.PROGRAM, 0.0, 4.95),
        ("its imports", 0.0, 2.25),
        ("build", 5.17, 6.66),
        ("publish", 6.66, 8.16),
        ("server", 8.21, 10.18),
        ("verification", 10.22, 12.45),
        ("cutover", 12.49, 14.1),
        ("tail", 14.1, 14.59),
    ]
    said = [each.text for each in events.messages(log)]
    assert said[0] == "tiny: tiny-1zy53axp -> tiny-iwj6npr2"
    assert all("regist" not in text for text in said)
    shown = [str(row[0]) for row in table.rows(log, [], [], 14.59)]
    assert [title for title in shown if "check " in title] == [
        "  check boot", "  check port-22", "  check port-80", "  check greeting",
    ]  # fmt: skip


def test_an_interrupted_step_ends_with_the_log() -> None:
    (step,) = events.steps(LOG[:5])
    assert (step.end, step.failed) == (2.2, True)


def test_the_phases_of_a_run() -> None:
    program = Sampled(2, 1, 0.8, words=["python", "pulumi-language-python-exec"])
    nix = Sampled(3, 2, 1.1, end=1.7, words=["nix", "path-info"], program="nix")
    asked = Call("GET", "nova:/v2.1/servers", 1.2, 1.5)
    late = Call("GET", "nova:/v2.1/servers", 8.0, 8.5)
    found = phases.phases(LOG, events.steps(LOG), [program, nix], [asked, late], 10.0)
    assert [(each.title.strip(), each.start, each.end) for each in found] == [
        ("engine and plugins start", 0.0, 0.8),
        ("the program until its first resource", 0.8, 2.0),
        ("its imports", 0.8, 1.0),
        ("inspection: its calls to the cloud", 1.2, 1.5),
        ("evaluation: its Nix processes", 1.1, 1.7),
        ("server", 2.2, 4.0),
        ("verification", 4.1, 9.0),
        ("cutover", 9.1, 9.5),
        ("tail", 9.5, 10.0),
    ]
    rows = table.rows(LOG, [asked, late], [program, nix], 10.0)
    named = {str(row[0]).strip(): row for row in rows}
    assert named["check system"][3] == 0.25
    assert named["until SSH answered on web-1-32eb"][1:4] == ("", "", 3.5)
    assert named["verification"][4] == 1  # of the calls
    assert named["failed flakeship:local:Machine web-0-32eb"][1] == 9.6
    assert named["in all"][3:5] == (10.0, 2)


@pytest.mark.parametrize(
    ("token", "name", "phase"),
    [
        ("flakeship:index:NixImage$command:local:Command", "image-web-1", "build"),
        ("flakeship:index:NixImage$command:local:Command", "published-web-1", "publish"),
        ("flakeship:openstack:GlanceImage$command:local:Command", "glance-web-1", "publish"),
        ("flakeship:openstack:GlanceImage", "web-1", "publish"),
        ("flakeship:fake:Image", "web-1", "publish"),
        ("flakeship:openstack:Server$openstack:compute/instance:Instance", "server-w", "server"),
        ("flakeship:openstack:Server$openstack:networking/port:Port", "port-w", OTHERS),
        ("flakeship:index:Verification$command:local:Command", "verification-w", "verification"),
        ("flakeship:openstack:EphemeralVerification", "image-1", "verification"),
        ("openstack:networking/floatingIpAssociate:FloatingIpAssociate", "cutover-w", "cutover"),
        ("flakeship:openstack:ImageVisibility", "image-visibility", OTHERS),
    ],
)
def test_a_step_has_a_phase(token: str, name: str, phase: str) -> None:
    assert phases.kind(events.Step(f"{STACK}{token}::{name}", "create", 0.0, 1.0)) == phase
