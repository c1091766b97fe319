"""Each kind of change inside a system is found, and kept apart from what is only relinked."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Release
from flakeship.nix.diff import changes, file_diff, render
from flakeship.nix.diff.changes import Changes
from flakeship.nix.diff.graph import base_name, parse
from flakeship.nix.diff.runtime import PackageChange
from tests.unit.nix.small_store import SmallStore


@pytest.fixture
def store() -> SmallStore:
    return SmallStore()


def compare(store: SmallStore, before: Release, after: Release) -> Changes:
    """In every format of Nix the same."""
    old, new = (
        changes.compare(parse(shown), before, after) for shown in (store.shown(), store.newest())
    )
    # in the newest the path of what is fetched is known from its environment alone
    assert dataclasses.asdict(old) == dataclasses.asdict(new)
    return old


def test_the_same_system_has_no_changes(store: SmallStore) -> None:
    found = compare(store, store.system(tool="1"), store.system(tool="2"))
    assert not found.any_inside
    assert found.build.changes == []


def test_packages_are_added_removed_changed_and_rebuilt(store: SmallStore) -> None:
    add = store.package
    old_ssl, ssl = add("openssl", "3.5.0"), add("openssl", "3.5.1")
    before = store.system(
        packages=(
            add("openssh", "10.0", buildInputs=old_ssl),
            add("curl", "8", buildInputs=old_ssl),
        )
    )
    after = store.system(
        packages=(
            add("openssh", "10.1", buildInputs=ssl),
            add("curl", "8", buildInputs=ssl),
            add("htop", "3"),
        )
    )
    found = compare(store, before, after)
    assert found.direct.changes == [
        PackageChange("htop", (), ("3",)),
        PackageChange("openssh", ("10.0",), ("10.1",)),
    ]
    assert found.direct.rebuilt == ["curl"]
    assert found.dependencies.changes == [PackageChange("openssl", ("3.5.0",), ("3.5.1",))]
    assert found.build.changes == []
    back = compare(store, after, before)
    assert PackageChange("htop", ("3",), ()) in back.direct.changes


def test_what_a_build_alone_needs_is_apart(store: SmallStore) -> None:
    """Compilers, sources and the image's builder, by the attributes that they come by."""

    def system(gcc: str, source: str) -> Release:
        tool = store.package("gcc", gcc)
        stdenv = store.add("stdenv-linux", cc=tool)
        made = store.package(
            "openssh",
            "10.0",
            stdenv=stdenv,
            src=store.add(f"openssh-{source}.tar.gz", fixed=True, url=source),
            postInstall=f"{tool}/bin/strip",
        )
        unit = store.unit("sshd.service", "[Service]\n", stdenv=stdenv)
        hook = store.add(f"hook-{gcc}.0", text="x")
        return store.system(
            packages=(made,), units=(unit,), qemu=store.package("qemu", gcc), hook=hook
        )

    found = compare(store, system("14", "10.0"), system("15", "10.0p1"))
    assert found.direct.changes == found.dependencies.changes == []
    assert [each.name for each in found.build.changes] == ["gcc", "qemu", "source of openssh"]
    assert found.build.changes[2].after == ("10.0p1.tar.gz",)
    assert found.direct.rebuilt == ["openssh"]


def test_what_is_fetched_has_a_path_in_every_format(store: SmallStore) -> None:
    path = store.add("openssh-10.0.tar.gz", fixed=True, url="x")
    for shown in (store.shown(), store.newest()):
        assert parse(shown).deriver(base_name(path)) is not None


def test_another_kernel_needs_a_reboot(store: SmallStore) -> None:
    after = store.system(kernel=store.package("linux", "6.18.40"), parameters=("loglevel=4",))
    found = compare(store, store.system(), after)
    assert found.reboot == ["linux 6.18.37 -> 6.18.40", "kernel parameters -quiet +loglevel=4"]
    assert found.direct.changes == found.dependencies.changes == []


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ({"kernel": ("linux", "6.18.37")}, "linux 6.18.37, rebuilt"),
        ({"initrd": ("initrd", "2")}, "initrd"),
        ({"modules": ("modules", "2")}, "kernel-modules"),
    ],
)
def test_other_parts_of_a_boot_need_one(
    store: SmallStore, part: dict[str, tuple[str, str]], text: str
) -> None:
    ((name, package),) = part.items()
    after = store.system(**{name: store.package(*package, patch="x")})  # type: ignore[arg-type]
    assert compare(store, store.system(), after).reboot == [text]


def test_units_are_told_by_what_is_written_in_them(store: SmallStore) -> None:
    unit, script = store.unit, store.file

    def system(version: str, *more: str) -> Release:
        ssh = store.package("openssh", version)
        check = script("unit-script-check-start", f"exec check --level {version}")
        return store.system(
            units=(
                unit("sshd@.service", f"[Service]\nExecStart={ssh}/bin/sshd\n"),
                unit("check.service", f"[Service]\nExecStart={check}\n"),
                unit("same.service", "[Service]\n", stdenv=ssh),
                unit("web.service", f"[Service]\nTimeoutSec={version}\n"),
                *more,
            ),
            user=(unit("agent.service", f"[Service]\nRestartSec={version}\n"),),
        )

    found = compare(store, system("10.0"), system("10.1", unit("new.timer", ""))).units
    assert (found.added, found.removed, found.relinked) == (["new.timer"], [], ["sshd@.service"])
    assert found.changed == {
        "check.service": ["-exec check --level 10.0", "+exec check --level 10.1"],
        "user agent.service": ["-RestartSec=10.0", "+RestartSec=10.1"],
        "web.service": ["-TimeoutSec=10.0", "+TimeoutSec=10.1"],
    }


def test_a_unit_restarts_with_its_file_which_is_told_itself(store: SmallStore) -> None:
    def system(tries: int) -> Release:
        settings = store.file("sshd.conf-settings", f"MaxAuthTries {tries}")
        final = store.add(
            "sshd.conf-final", buildCommand=f"cat {settings} - >$out <<EOL\nPort 22\nEOL"
        )
        trigger = store.file("X-Restart-Triggers-sshd", final)
        unit = store.unit("sshd.service", f"[Unit]\nX-Restart-Triggers={trigger}\n")
        return store.system(units=(unit,), etc={"ssh/sshd_config": final})

    found = compare(store, system(3), system(6))
    assert found.units.relinked == ["sshd.service"]
    assert found.files.changed == {"ssh/sshd_config": ["-MaxAuthTries 3", "+MaxAuthTries 6"]}


def test_files_of_etc_from_packages_move_with_them(store: SmallStore) -> None:
    def system(version: str, **etc: str) -> Release:
        return store.system(etc={"moduli": f"{store.package('openssh', version)}/etc/moduli"} | etc)

    found = compare(store, system("1"), system("2", hello=store.file("etc-hello", "hi")))
    assert (found.files.added, found.files.relinked) == (["hello"], ["moduli"])


def test_a_file_that_names_all_packages_is_not_told_with_them(store: SmallStore) -> None:
    def system(text: str) -> Release:
        tool = store.file("tool", f"echo {text}")
        path = store.add("system-path", chosenOutputs=[{"paths": [tool]}], buildCommand="perl")
        command = f"xsltproc --stringparam serviceDirectories {path}"
        return store.system(etc={"dbus-1": store.add("dbus-1", buildCommand=command)})

    found = compare(store, system("one"), system("two"))
    assert (found.files.changed, found.files.relinked) == ({}, ["dbus-1"])


def test_a_file_of_the_flake_is_read(store: SmallStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no derivation's output, but a source in the store."""
    text = {f"/nix/store/{str(n) * 32}-motd": f"hello\n{n}\n" for n in (1, 2)}
    monkeypatch.setattr("flakeship.nix.diff.file_diff.read_source", lambda path: text[str(path)])
    first, second = (store.system(etc={"motd": path}) for path in text)
    assert compare(store, first, second).files.changed == {"motd": ["-1", "+2"]}


def test_what_is_beside_units_and_files_is_told(store: SmallStore) -> None:
    """Accounts, for one: JSON in lines."""

    def system(*users: str) -> Release:
        listed = ", ".join(
            f'{{"name": "{user}", "hashedPassword": "$6$x{user}"}}' for user in users
        )
        accounts = store.file("users-groups.json", f'{{"users": [{listed}]}}')
        made = store.made[store.system().drv]
        toplevel = made["env"]["toplevel"]
        old = store.made[store.outputs[toplevel]]["env"]["__json"]
        attributes = {**json.loads(old), "activationScript": accounts}
        return store.release(store.add("nixos-system", **attributes))

    found = compare(store, system("ann"), system("ann", "bob"))
    assert '+   "name": "bob",' in found.other.changed["users-groups.json"]
    assert "$6$" not in render.full(found, "unknown")


def appliance(
    store: SmallStore, motd: str, unit: str, dropbear: str, kernel: str, *, order: str = "web"
) -> Release:
    deb = store.package("dropbear-bin", dropbear, url="x")
    made = store.add(
        "appliance-kernel", version=kernel, nativeBuildInputs=store.package("kmod", "1")
    )
    initrd = store.add("appliance-initrd", kernel=made)
    etc = store.add(
        "appliance-etc",
        paths="motd services/order services/web",
        file0=motd,
        file1=order,
        file2=unit,
        passAsFile="file0 file1 file2",
    )
    sw = store.add("appliance-software", base=store.add("appliance-base", debs=deb), kernel=made)
    toplevel = store.add(
        "nixos-system-appliance", kernelParams="panic=5", kernel=made, initrd=initrd, etc=etc, sw=sw
    )
    return store.release(toplevel)


def test_the_appliance_is_told_likewise(store: SmallStore) -> None:
    before = appliance(store, "hi", "command=httpd", "2025.88", "6.12.107-1")
    after = appliance(store, "hello", "command=nginx", "2025.89", "6.12.108-1", order="web sshd")
    found = compare(store, before, after)
    assert found.reboot == ["linux 6.12.107-1 -> 6.12.108-1"]
    assert found.direct.changes == [PackageChange("dropbear-bin", ("2025.88",), ("2025.89",))]
    assert found.files.changed == {
        "motd": ["-hi", "+hello"],
        "services/order": ["-web", "+web sshd"],
        "services/web": ["-command=httpd", "+command=nginx"],
    }
    assert found.build.changes == []


def test_a_toplevel_that_is_not_in_the_image_is_refused(store: SmallStore) -> None:
    release = store.system()
    wrong = dataclasses.replace(release, toplevel=f"/nix/store/{'z' * 32}-system")
    with pytest.raises(FlakeshipError) as raised:
        changes.compare(store.graph(), release, wrong)
    assert (raised.value.code, raised.value.key) == ("toplevel-not-in-image", release.name)
    assert "manifest" in raised.value.remedy


def test_a_format_that_is_not_understood_is_said() -> None:
    with pytest.raises(FlakeshipError, match="unknown format 9") as raised:
        parse('{"derivations": {"x.drv": {"name": "x"}}, "version": 9}')
    assert raised.value.code == "nix-format-unknown"


def test_only_texts_in_the_store_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_diff, "STORE", tmp_path / "store")
    file, secret, link = (tmp_path / name for name in ("store/file", "secret", "store/link"))
    file.parent.mkdir()
    file.write_text("text")
    secret.write_text("mine")
    link.symlink_to(secret)
    assert file_diff.read_source(file) == "text"
    for path in (secret, link, tmp_path / "store/gone", file.parent):
        assert file_diff.read_source(path) == str(path)
    file.write_bytes(b"\xff\xfe")
    assert file_diff.read_source(file) == str(file)


PEM = "-----BEGIN {0}-----\n{1}\n-----END {0}-----"


def test_of_a_key_there_is_one_line_that_changes_with_it(store: SmallStore) -> None:
    def system(body: str) -> Release:
        block = PEM.format("OPENSSH PRIVATE KEY", f"b3BlbnNz{body}\nQyNTUx{body}")
        listed = json.dumps({"key": block})
        return store.system(
            etc={"key": store.file("key", block), "json": store.file("json", listed)}
        )

    found = compare(store, system("one"), system("two")).files.changed
    assert [len(found[name]) for name in ("key", "json")] == [2, 2]
    assert "BEGIN OPENSSH PRIVATE KEY----- …" in found["key"][1]
    assert not any("b3Bl" in line or "QyNT" in line for lines in found.values() for line in lines)
