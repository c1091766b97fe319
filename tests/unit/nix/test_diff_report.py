"""What a report of changes contains, and the errors where there is none."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.codec import plain
from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.model.release import Release
from flakeship.nix import store
from flakeship.nix.diff import file_diff, graph, render, report
from flakeship.nix.diff.changes import Changes
from flakeship.nix.diff.file_diff import FileDiff
from flakeship.nix.diff.runtime import PackageChange, Packages
from flakeship.operate import diff as asked
from flakeship.release.desired import Flake, Found
from flakeship.state import outputs
from flakeship.state import stack as selected
from flakeship.state.stack import Stack
from flakeship.system.process import Result
from tests.unit.model.test_ledger import record, release, verified
from tests.unit.nix.small_store import SmallStore

NOTHING = Changes([], Packages(), Packages(), FileDiff(), FileDiff(), FileDiff(), Packages(), [])


def test_the_short_form_never_floods() -> None:
    many = [PackageChange(f"package{number}", ("1",), ("2",)) for number in range(300)]
    some = [f"unit{number}" for number in range(50)]
    differs = FileDiff(added=some, changed={name: ["+x"] * 99 for name in some}, relinked=some)
    all_ = Packages(many, some)
    text = render.summary(
        Changes(["linux 1 -> 2"], all_, all_, differs, differs, differs, all_, []), "unknown"
    )
    assert len(text.splitlines()) == 8
    assert max(map(len, text.splitlines())) < 220
    assert "package5 1 -> 2, 295 more" in text
    assert "50 more differ only in the store paths they name" in text


def test_only_what_differs_has_a_line() -> None:
    changes = dataclasses.replace(NOTHING, units=FileDiff(relinked=["sshd.service"]))
    assert render.summary(changes, "1.0 -> 2.0 MiB (+1.0)").splitlines() == [
        "  units: 1 differ only in the store paths they name",
        "  closure size: 1.0 -> 2.0 MiB (+1.0)",
    ]
    text = render.summary(
        dataclasses.replace(NOTHING, build=Packages([PackageChange("q", (), ("1",))])), "x"
    )
    assert "the systems are identical; only the build of the image differs" in text
    assert "build only: 1 change\n" in text


def test_what_is_built_otherwise_is_named_where_it_is_little() -> None:
    few, many = ["ssh", "curl"], [f"package{number}" for number in range(9)]
    for names, text in [(few, "2 rebuilt: ssh, curl"), (many, "9 rebuilt")]:
        changes = dataclasses.replace(NOTHING, direct=Packages([], names))
        assert render.summary(changes, "x").splitlines()[0] == f"  packages: {text}"
        assert names[-1] in render.full(changes, "x")


def test_unchanged_versions_are_in_brackets() -> None:
    text = [
        render.package_line(PackageChange("ssl", before, after))
        for before, after in [
            ((), ("1",)),
            (("1",), ()),
            (("1",), ("2",)),
            (("1",), ("1", "2")),
            (("1", "2"), ("1",)),
        ]
    ]
    assert text == [
        "+ssl 1",
        "-ssl 1",
        "ssl 1 -> 2",
        "+ssl 2 (1 unchanged)",
        "-ssl 2 (1 unchanged)",
    ]


def test_a_terminal_is_not_made_to_obey() -> None:
    changes = dataclasses.replace(NOTHING, files=FileDiff(changed={"motd": ["+\x1b[2Jx"]}))
    assert "+\ufffd[2Jx" in render.full(changes, "unknown")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('"hashedPassword": "x"', '"hashedPassword": …'),
        ('"hashedPassword": null', '"hashedPassword": null'),
        ("root:$6$salt$hash:1::::::", "root:…"),
        ("Environment=API_TOKEN=abc", "Environment=API_TOKEN=…"),
        ("API_KEY=abc", "API_KEY=…"),
        ("apiKey: abc", "apiKey: …"),
        ("DATABASE_URL=postgres://app:pw@db/app", "DATABASE_URL=postgres://app:…@db/app"),
        ("PresharedKey=abc", "PresharedKey=…"),
        ("ExecStart=/bin/x --password x --token y", "ExecStart=/bin/x --password …"),
        ("Authorization: Bearer abc.def", "Authorization: …"),
        ("bindpw=abc", "bindpw=…"),
        ("rootpw abc", "rootpw …"),
        ("requirepass abc", "requirepass …"),
        ('password "abc"', "password …"),
        ("credential: abc", "credential: …"),
        ("<secret>abc</secret>", "<secret>…"),
        ("AGE-SECRET-KEY-1QQQ", "…"),
    ],
)
def test_what_looks_like_a_secret_is_not_repeated(line: str, shown: str) -> None:
    """In a file, a kernel parameter, wherever."""
    changes = dataclasses.replace(
        NOTHING,
        reboot=[f"kernel parameters +{line}"],
        files=FileDiff(changed={"motd": [f"+{line}"]}),
    )
    text = render.full(changes, "x").splitlines()
    assert f"    kernel parameters +{shown}" in text
    assert f"      +{shown}" in text
    assert f"kernel parameters +{shown}" in render.summary(changes, "x")


@pytest.mark.parametrize(
    "line",
    [
        "PasswordAuthentication no",
        "password sufficient pam_unix.so nullok",
        "server_tokens off;",
        "PublicKey=abc",
        "trusted-public-keys = cache.nixos.org-1:abc=",
        "https://host:8080/a@b",
        "libsecret 0.20 -> 0.21",
        "-libsecret 0.20",
        "bypass=1",
    ],
)
def test_what_does_not_is_shown(line: str) -> None:
    assert render.redact(line) == line


@pytest.mark.parametrize("text", ["token", "--a-", "-----BEGIN X-----\n", "://", "_key "])
def test_no_text_takes_long(text: str) -> None:
    begun = time.monotonic()
    render.redact(file_diff.fold_keys(text * 20000))
    assert time.monotonic() - begun < 5


def test_a_derivation_that_is_gone_is_one_line(tmp_path: Path) -> None:
    existing = tmp_path / "x.drv"
    existing.touch()
    lost = dataclasses.replace(release(1, "abc"), drv=str(tmp_path / "lost.drv"))
    with pytest.raises(FlakeshipError) as raised:
        report.report(lost, dataclasses.replace(release(2), drv=str(existing)))
    assert (raised.value.code, raised.value.key) == ("store-path-missing", "web-11111111")
    assert raised.value.what.startswith(lost.drv)
    assert "evaluate web at revision abc" in raised.value.remedy


def odd(store: SmallStore, **attributes: Any) -> Release:
    return store.release(store.add("nixos-system", **attributes))


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernelParams": 5},
        {"quoted": "makeEtcEntry 'it"},
        {"quoted": "makeEtcEntry it"},
        {"__json": "{"},
        {"__json": "[]"},
    ],
)
def test_a_foreign_system_that_cannot_be_read_is_one_line(
    monkeypatch: pytest.MonkeyPatch, attributes: dict[str, Any]
) -> None:
    store = SmallStore()
    if "quoted" in attributes:
        etc = store.add("etc", buildCommand=attributes["quoted"])
        attributes = {"buildCommand": f"ln -s {etc}/etc $out/etc"}
    before, after = store.system(), odd(store, **attributes)
    monkeypatch.setattr(graph, "load", lambda _: store.graph())
    monkeypatch.setattr(Path, "exists", lambda _: True)
    with pytest.raises(FlakeshipError) as raised:
        report.report(before, after)
    assert raised.value.code == "derivation-unreadable"
    assert before.drv in raised.value.what


def test_a_nix_that_says_nothing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "run", lambda *_, **__: Result(0, "", ""))
    monkeypatch.setattr(Path, "exists", lambda _: True)
    with pytest.raises(FlakeshipError, match="JSONDecodeError"):
        report.report(release(1), release(2))


def test_a_change_is_one_of_a_host_that_runs() -> None:
    desired = {"web": release(2), "db": dataclasses.replace(release(3), host="db")}
    found = list(report.replaced({"web": "web-11111111"}, [record(1)], desired))
    assert found == [(release(1), release(2))]
    assert not list(report.replaced({"web": "web-22222222"}, [record(2)], desired))
    assert not list(report.replaced({}, [], desired))


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | None]:
    """The bytes that Nix says of a toplevel, or that are in a store by its URL; None: none."""
    known: dict[str, int | None] = {}

    def run(argv: list[str], **_: object) -> Result:
        words = argv[3:]
        if words[0] == "config":
            return Result(0, "https://a https://b\n", "")
        key = words[words.index("--store") + 1] if "--store" in words else words[-1]
        if (size := known.get(key)) is None:
            raise CommandError("is not valid", 1)
        return Result(0, f"{words[-1]}\t{size}\n", "")

    monkeypatch.setattr(report, "run", run)
    monkeypatch.setattr(store, "run", run)
    return known


def built(tmp_path: Path, digit: int, *, exists: bool = True) -> Release:
    path = tmp_path / f"{digit}-system"
    if exists:
        path.touch()
    return dataclasses.replace(release(digit), toplevel=str(path))


def test_the_closure_size_is_what_nix_knows(tmp_path: Path, sizes: dict[str, int | None]) -> None:
    old, new = built(tmp_path, 1), built(tmp_path, 2)
    sizes |= {old.toplevel: 100 << 20, new.toplevel: 120 << 20}
    assert report.closure_size(old, new, [], caches=False) == "100.0 -> 120.0 MiB (+20.0)"


def test_the_closure_size_is_unknown_before_a_build(
    tmp_path: Path, sizes: dict[str, int | None]
) -> None:
    old, new = built(tmp_path, 1), built(tmp_path, 2, exists=False)
    sizes[old.toplevel] = 1
    text = report.closure_size(old, new, [("no-such", "as-this"), ("neither",)], caches=False)
    assert text == "known after the build; the local store has 0 of about 2 store paths"


def test_a_cache_may_know_it(tmp_path: Path, sizes: dict[str, int | None]) -> None:
    old, new = built(tmp_path, 1), built(tmp_path, 2, exists=False)
    sizes |= {old.toplevel: 5 << 20, "https://b": 2 << 20}
    assert report.closure_size(old, new, [], caches=True) == "5.0 -> 2.0 MiB (-3.0)"


@dataclasses.dataclass
class Asked:
    """A stack with releases in its ledger, and a flake."""

    store: SmallStore
    ledger: list[Release]

    def diff(self, before: str = "", after: str = "") -> str:
        records = [verified(each, "0") for each in self.ledger]
        stored: dict[str, Any] = {
            "flakeship": outputs.header("local"),
            "running": {"web": self.ledger[0].name} if self.ledger else {},
            "releases": [plain(each) for each in records],
        }
        own = {"urn": "u::dev", "type": "pulumi:pulumi:Stack", "outputs": stored}
        return asked.diff(Stack("dev", {"resources": [own]}), before, after)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Asked:
    store = SmallStore()
    add = store.package
    now, *ledger = [store.system(packages=(add("nginx", version),)) for version in "321"]
    monkeypatch.setattr(graph, "load", lambda _: store.graph())
    monkeypatch.setattr(Path, "exists", lambda path: path.suffix == ".drv")
    monkeypatch.setattr(report, "_known_sizes", lambda *_, **__: iter([]))
    monkeypatch.setattr(asked, "evaluated", lambda *_: {"web": now})
    return Asked(store, ledger)


def test_without_names_it_is_from_what_runs_to_the_flake(made: Asked) -> None:
    assert "nginx 2 -> 3" in made.diff()


def test_any_two_releases_of_the_ledger(made: Asked) -> None:
    new, old = (each.name for each in made.ledger)
    assert made.diff(old, new).startswith(f"inside {new}, compared with {old}:\n")
    assert "nginx 1 -> 2" in made.diff(old, new)
    assert "nginx 2 -> 1" in made.diff("", old)
    assert "nginx 1 -> 3" in made.diff(old)
    assert made.diff(new, new) == f"web: {new} is the same release"


def test_a_release_that_is_not_in_the_ledger_is_said(made: Asked) -> None:
    with pytest.raises(FlakeshipError) as raised:
        made.diff("", "web-x")
    assert (raised.value.code, raised.value.key) == ("release-not-in-ledger", "TO")


def test_a_stack_without_releases_has_nothing_to_compare(made: Asked) -> None:
    made.ledger.clear()
    with pytest.raises(FlakeshipError, match="nothing is verified yet"):
        made.diff()


def test_a_host_that_goes_is_logged(
    made: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(asked, "evaluated", lambda *_: {})
    assert made.diff() == ""
    assert caplog.messages == ["web: no server of this stack runs it any more"]


def test_the_flake_is_evaluated_with_the_stacks_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    (tmp_path / "flake.nix").touch()
    given = {"host": "web", "flake": str(tmp_path), "servers": '[{"name": "a", "ports": []}]'}
    config = {f"flakeship:{key}": {"value": value, "secret": False} for key, value in given.items()}
    seen = []

    def releases(flake: Flake, hosts: list[str]) -> Found:
        seen.append((flake.settings.flake, flake.stack, hosts))
        return Found({"web": release(1)}, ["uncommitted"])

    monkeypatch.setattr(selected, "run", lambda *_: Result(0, json.dumps(config), ""))
    monkeypatch.setattr(Flake, "releases", releases)
    assert asked.evaluated(Stack("dev", {})) == {"web": release(1)}
    assert seen == [(str(tmp_path), "dev", ["web"])]
    assert caplog.messages == ["uncommitted"]
