"""One schema of the manifest: what Nix refuses where it is made, the reader refuses too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flakeship.model.errors import CommandError, FlakeshipError
from flakeship.nix import evaluate, manifest
from flakeship.nix.store import NIX
from flakeship.system.process import run
from tests.nix.known import HERE
from tests.project import ROOT, commit

LIBRARY = ROOT / "nix/lib/manifest.nix"
GOOD: dict[str, Any] = {
    "schema": 1,
    "host": "web",
    "variant": "qemu",
    "drv": f"/nix/store/{'d' * 32}-web-qemu.drv",
    "out": f"/nix/store/{'o' * 32}-web-qemu",
    "files": ["images/web-qemu.qcow2"],
    "format": "qcow2",
    "toplevel": f"/nix/store/{'t' * 32}-nixos-system-web-26.05",
    "version": "26.05.20260101.abcdef0",
    "system": "x86_64-linux",
    "disk": "auto",
    "memory": 1024,
    "user": "nixos",
    "firmware": "hybrid",
    "agent": True,
    "rebuildable": False,
    "switchable": False,
}
OPTIONAL = ("firmware", "agent", "rebuildable", "switchable")
ALSO_GOOD: list[dict[str, Any]] = [
    {"files": ["."]},
    {"files": ["bzImage", "initrd", "netboot.ipxe"], "format": "netboot"},
    {"files": ["a folder/name with-spaces_~+=,@.img"]},
    {"disk": 1},
    {"version": ""},
]
WRONG: list[tuple[str, Any]] = [
    *(
        (key, value)
        for key in ("host", "variant", "user", "system")
        for value in ("", "a b", "../x", "-x", "a\nb", "x" * 64, 7, None)
    ),
    *(
        (key, value)
        for key in ("drv", "out", "toplevel")
        for value in ("/tmp/x", f"/nix/store/{'t' * 32}", f"/nix/store/{'t' * 32}-a/b", 7)
    ),
    *(
        ("files", value)
        for value in (
            *([path] for path in ("", "/x", "..", "../x", "a/../b", ".x", "x/", "a//b", "./x")),
            ["a\nb"],
            ["good", 7],
            [],
            "good",
        )
    ),
    *(("format", value) for value in ("vmdk", "", 7)),
    *(("version", value) for value in ("a\nb", "ä", 7)),
    *(("disk", value) for value in (0, -1, 1.5, "1024", "large", True, None)),
    *(("memory", value) for value in (0, -1, 1.5, "1024", True, None)),
    *(("firmware", value) for value in ("coreboot", 7)),
    *(
        (key, value)
        for key in ("agent", "rebuildable", "switchable")
        for value in ("true", "", 1, 0, None)
    ),
    *(("schema", value) for value in (0, 2, "1", None, True)),
    ("revision", "abc"),
    ("firmwear", "uefi"),
]


def problems(manifests: list[dict[str, Any]]) -> list[list[str]]:
    """What Nix has against each of them."""
    text = json.dumps(json.dumps(manifests)).replace("${", r"\${")
    check = f"problems: map problems (builtins.fromJSON {text})"
    argv = [*NIX, "eval", "--json", "--file", str(LIBRARY), "problems", "--apply", check]
    found: list[list[str]] = json.loads(run(argv).stdout)
    return found


def refusal(given: object) -> FlakeshipError:
    text = given if isinstance(given, str) else json.dumps(given)
    with pytest.raises(FlakeshipError) as raised:
        manifest.read(text, "./flake#flakeship.web.qemu")
    return raised.value


def test_the_file_is_the_readers_schema() -> None:
    written = (ROOT / "nix/lib/manifest.schema.json").read_text()
    assert written == json.dumps(manifest.schema(), indent=2) + "\n"


def test_a_good_manifest_is_good_on_both_sides() -> None:
    short = {key: value for key, value in GOOD.items() if key not in OPTIONAL}
    good = [GOOD, short, *(GOOD | change for change in ALSO_GOOD)]
    assert problems(good) == [[] for _ in good]
    for each in good:
        release = manifest.read(json.dumps(each), "x")
        found = vars(release) | {"files": list(release.files)}
        assert {key: found[key] for key in each if key != "schema"} == {
            key: value for key, value in each.items() if key != "schema"
        }


def test_a_wrong_manifest_is_wrong_on_both_sides() -> None:
    in_nix = problems([GOOD | {key: value} for key, value in WRONG])
    for (key, value), found in zip(WRONG, in_nix, strict=True):
        assert len(found) == 1, (key, value)
        given = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        assert found[0].startswith(f"{key} "), (key, value)
        assert f", got {given}; allowed: " in found[0], (key, value)
        error = refusal(GOOD | {key: value})
        assert error.key == "./flake#flakeship.web.qemu"
        if key != "schema":
            assert error.code == "manifest-invalid"
            assert error.what.startswith(f"{key} "), (key, value)
            assert found[0].partition("; allowed: ")[2] == error.allowed


def test_a_manifest_that_lacks_a_key_is_wrong_on_both_sides() -> None:
    lacking = [{k: v for k, v in GOOD.items() if k != key} for key in GOOD if key not in OPTIONAL]
    for key, given, found in zip(GOOD, lacking, problems(lacking), strict=False):
        assert [each.startswith(f"{key} is missing") for each in found] == [True]
        if key != "schema":
            assert refusal(given).what.startswith(f"{key} is missing")


@pytest.mark.parametrize(
    ("given", "code", "remedy"),
    [
        (GOOD | {"schema": manifest.SCHEMA + 1}, "manifest-newer", "update this Flakeship"),
        (GOOD | {"schema": 0}, "manifest-older", "nix flake update flakeship"),
        (
            {key: GOOD[key] for key in GOOD if key != "schema"},
            "manifest-older",
            "reference/manifest.md",
        ),
    ],
)
def test_another_schema_is_refused_by_its_number(
    given: dict[str, Any], code: str, remedy: str
) -> None:
    error = refusal(given)
    assert error.code == code
    assert remedy in error.remedy
    assert f"{manifest.SCHEMA}" in error.what


@pytest.mark.parametrize("text", ["", "[]", "7", '"x"'])
def test_what_is_not_an_object_is_refused(text: str) -> None:
    assert refusal(text).code == "manifest-invalid"


HOSTS = """
{
  inputs.flakeship.url = "path:/none";
  inputs.access = { url = "path:./access"; flake = false; };
  outputs = { flakeship, access, ... }: flakeship.lib.mkFlake {
    inherit access;
    hosts = builtins.mapAttrs (_: given: { flakeship = given; })
      (builtins.fromJSON (builtins.readFile ./hosts.json));
  };
}
"""


def flake(path: Path, stubbed: Path, hosts: dict[str, Any]) -> Path:
    """A user's flake whose hosts say this of themselves."""
    (path / "access").mkdir()
    (path / "access/authorized_keys").touch()
    (path / "flake.nix").write_text(HOSTS)
    (path / "hosts.json").write_text(json.dumps(hosts))
    run(["git", "init", "-q", path])
    commit(path)
    run([*NIX, "flake", "lock", path, "--override-input", "flakeship", f"path:{stubbed}"])
    commit(path)
    return path


def checked(path: Path) -> None:
    run([*NIX, "flake", "check", "--no-build", path])


def test_nix_flake_check_checks_the_manifests(tmp_path: Path, stubbed: Path) -> None:
    path = flake(tmp_path, stubbed, {"web": {}, "db": {"memory": 4096, "image": {"disk": 7}}})
    checked(path)
    argv = [*NIX, "eval", "--json", f"{path}#checks.x86_64-linux", "--apply", "builtins.attrNames"]
    assert {"web-manifest", "db-manifest", "web-closure"} <= set(json.loads(run(argv).stdout))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 7),
        ("version", "1\n2"),
        ("memory", "much"),
        ("user", "a b"),
        ("format", "vmdk"),
        ("firmware", "coreboot"),
        ("agent", "perhaps"),
        ("rebuildable", "perhaps"),
        ("switchable", 1),
        ("disk", "large"),
        ("files", ["../../etc/passwd"]),
        ("files", []),
    ],
)
def test_nix_flake_check_refuses_a_wrong_one(
    tmp_path: Path, stubbed: Path, key: str, value: object
) -> None:
    inside = key in {"format", "firmware", "agent", "disk", "files"}
    given = {"image": {key: value}} if inside else {key: value}
    path = flake(tmp_path, stubbed, {"web": {}, "bad": given})
    with pytest.raises(CommandError) as raised:
        checked(path)
    rule = manifest.schema()["properties"][key]
    allowed = ", ".join(rule.get("enum", [rule["title"]]))
    assert "the manifest of bad.openstack does not fit manifest schema 1" in raised.value.stderr
    assert f"{key} does not fit, got {json.dumps(value)}; allowed: {allowed}" in raised.value.stderr
    # whoever asks for the release itself reads the same
    with pytest.raises(FlakeshipError, match=f"{key} does not fit"):
        evaluate.evaluate(str(path), "bad", "qemu", tmp_path / "access")


def test_a_name_that_no_release_can_have_is_refused(tmp_path: Path, stubbed: Path) -> None:
    path = flake(tmp_path, stubbed, {"x" * 64: {}})
    with pytest.raises(CommandError, match="host does not fit"):
        checked(path)


def test_the_appliance_has_a_manifest(access: Path) -> None:
    for variant in ("qemu", "openstack"):
        found = evaluate.evaluate(f"{ROOT}/nix/appliance", "appliance", variant, access)
        assert (found.host, found.variant) == ("appliance", variant)


def test_the_tests_own_flake_has_one(access: Path) -> None:
    flake = HERE.parent / "engine/flake"
    assert evaluate.evaluate(str(flake), "tiny", "qemu", access).files == (".",)
