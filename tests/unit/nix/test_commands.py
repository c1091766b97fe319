"""The exact commands for Nix, and what is made of its answers."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from pydantic import ValidationError

from flakeship.model import codec
from flakeship.model.errors import CommandError, FlakeshipError, SettingError
from flakeship.model.flake import FlakeReference
from flakeship.model.release import Artifact, File
from flakeship.nix import build, buildable, evaluate, source, store
from flakeship.nix.build import BuildRequest, ForgetRequest
from flakeship.nix.evaluate import Evaluated, Evaluator
from flakeship.nix.image_file import describe
from flakeship.system.process import Result
from tests.unit.model.test_ledger import release
from tests.unit.nix.test_image_file import qcow2_header

FLAGS = ["nix", "--extra-experimental-features", "nix-command flakes"]
MANIFEST: dict[str, Any] = {"schema": 1, **codec.plain(release(1))}
del MANIFEST["revision"], MANIFEST["keys"], MANIFEST["inputs"]


@dataclasses.dataclass
class Nix:
    """Answers commands by their first words and keeps their argv."""

    answers: dict[str, Result | CommandError]
    asked: list[list[str]]

    def run(self, argv: list[str | Path], **_: object) -> Result:
        words = [str(word) for word in argv]
        if words[0] == "git":
            return Result(128, "", "not a git repository")
        assert words[:3] == FLAGS
        self.asked.append(words[3:])
        asked = (" ".join(words[3:end]) for end in (6, 5, 4))
        answer = next((self.answers[each] for each in asked if each in self.answers), None)
        answer = answer or Result(0, "", "")
        if isinstance(answer, CommandError):
            raise answer
        return answer


@pytest.fixture
def fake() -> Iterator[Nix]:
    made = Nix({}, [])
    with (
        patch.object(build, "run", made.run),
        patch.object(buildable, "run", made.run),
        patch.object(evaluate, "run", made.run),
        patch.object(source, "run", made.run),
        patch.object(store, "run", made.run),
    ):
        yield made


RELEASE_DRV = "/nix/store/x.drv"
OPTIONS = [
    *("--option", "accept-flake-config", "false"),
    *("--option", "allow-import-from-derivation", "false"),
    *("--log-format", "internal-json"),
]


def shown(manifest: object) -> str:
    return json.dumps({RELEASE_DRV: {"env": {"manifest": json.dumps(manifest)}}})


def image_shown(
    out: str = MANIFEST["out"], system: str = "x86_64-linux", features: str = ""
) -> str:
    env = {"out": out, "requiredSystemFeatures": features}
    made = {"system": system, "outputs": {"out": {}}, "env": env}
    return json.dumps({MANIFEST["drv"]: made})


def failed(*events: dict[str, Any], text: str = "") -> Result:
    return Result(1, "", "".join(f"@nix {json.dumps(event)}\n" for event in events) + text)


def error_of_nix(text: str) -> dict[str, Any]:
    return {"action": "msg", "level": 0, "msg": f"\x1b[31;1m{text}", "raw_msg": text}


def evaluated(access: Path, host: str = "web", variant: str = "qemu") -> Evaluated:
    return Evaluator(FlakeReference.parse("./flake"), access).evaluate(host, variant)


def answers(manifest: str, image: str = "") -> dict[str, Result | CommandError]:
    return {
        "path-info": Result(0, f"{RELEASE_DRV}\n", ""),
        f"derivation show {RELEASE_DRV}": Result(0, manifest, ""),
        f"derivation show {MANIFEST['drv']}": Result(0, image or image_shown(), ""),
    }


def test_evaluation_asks_the_cache_and_never_builds(fake: Nix, tmp_path: Path) -> None:
    fake.answers = answers(shown(MANIFEST))
    assert evaluated(tmp_path).release == release(1)
    override = ["--no-write-lock-file", "--override-input", "access", f"path:{tmp_path}"]
    attribute = "./flake#flakeship.web.qemu"
    assert fake.asked == [
        ["path-info", "--derivation", attribute, *override, *OPTIONS],
        ["derivation", "show", RELEASE_DRV],
        ["derivation", "show", MANIFEST["drv"]],
    ]


def test_a_program_of_ones_own_gets_the_release_and_its_warnings_in_the_log(
    fake: Nix, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake.answers = answers(shown(MANIFEST))
    trace = json.dumps({"action": "msg", "level": 0, "msg": "trace: evaluation warning: old"})
    fake.answers["path-info"] = Result(0, f"{RELEASE_DRV}\n", f"@nix {trace}\n")
    assert evaluate.evaluate("./flake", "web", "qemu", tmp_path) == release(1)
    assert caplog.messages == ["web.qemu: old"]


def test_the_newer_form_of_derivation_show_is_read(fake: Nix, tmp_path: Path) -> None:
    newer = json.dumps({"derivations": json.loads(shown(MANIFEST)), "version": 4})
    fake.answers = answers(newer)
    assert evaluated(tmp_path).release == release(1)


def test_a_host_with_a_dot_in_its_name_is_one_attribute(fake: Nix, tmp_path: Path) -> None:
    fake.answers = answers(shown(MANIFEST | {"host": "web.example.org"}))
    assert evaluated(tmp_path, "web.example.org").release.host == "web.example.org"
    assert fake.asked[0][2] == './flake#flakeship."web.example.org".qemu'


def refusal(fake: Nix, answer: str, image: str = "") -> FlakeshipError:
    fake.answers = answers(answer, image)
    with pytest.raises(FlakeshipError) as raised:
        evaluated(Path("access"))
    assert raised.value.key == "./flake#flakeship.web.qemu"
    return raised.value


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"host": "../../x"}, "host"),
        ({"files": ["/etc/passwd"]}, "files"),
        ({"files": ["../../x"]}, "files"),
        ({"user": "nixos\nProxyCommand x"}, "user"),
        ({"out": "/tmp/x"}, "out"),
        ({"format": "vmdk"}, "format"),
    ],
)
def test_a_manifest_is_not_trusted(fake: Nix, change: dict[str, object], key: str) -> None:
    error = refusal(fake, shown(MANIFEST | change))
    assert error.code == "manifest-invalid"
    assert error.what.startswith(f"{key} ")


def test_a_manifest_of_another_host_is_refused(fake: Nix) -> None:
    error = refusal(fake, shown(MANIFEST | {"host": "db"}))
    assert (error.code, error.given) == ("manifest-invalid", "db.qemu")


def test_a_derivation_without_a_manifest_is_refused(fake: Nix) -> None:
    error = refusal(fake, json.dumps({"/nix/store/x.drv": {"env": {}}}))
    assert error.code == "manifest-invalid"


@pytest.mark.parametrize(
    ("image", "made"),
    [
        (image_shown("/nix/store/z-image"), "/nix/store/z-image"),
        (json.dumps({"x": {"outputs": {"doc": {}}, "env": {"out": MANIFEST["out"]}}}), ""),
        (json.dumps({"x": {"outputs": {"out": {}}, "env": {}}}), ""),
    ],
)
def test_an_output_that_the_derivation_does_not_make_is_refused(
    fake: Nix, image: str, made: str
) -> None:
    error = refusal(fake, shown(MANIFEST), image)
    assert (error.code, error.given) == ("manifest-invalid", MANIFEST["out"])
    assert error.allowed == made


def test_a_derivation_that_is_not_there_is_refused(fake: Nix) -> None:
    fake.answers = answers(shown(MANIFEST))
    fake.answers[f"derivation show {MANIFEST['drv']}"] = CommandError("failed", 1, "not valid")
    with pytest.raises(FlakeshipError) as raised:
        evaluated(Path("access"))
    assert (raised.value.code, raised.value.given) == ("manifest-invalid", MANIFEST["drv"])


def nix_settings(builders: str = "", *substituters: str, substitute: bool = True) -> Result:
    values = {
        "system": "x86_64-linux",
        "extra-platforms": ["i686-linux"],
        "system-features": ["kvm", "big-parallel"],
        "builders": builders,
        "substituters": list(substituters),
        "substitute": substitute,
    }
    return Result(0, json.dumps({name: {"value": each} for name, each in values.items()}), "")


MACHINES = "ssh://a.example - /key 4\n# ssh://b.example aarch64-linux\n\n"
ARM = "ssh://a x86_64-linux,aarch64-linux"


@pytest.mark.parametrize(
    ("needed", "settings", "outcome"),
    [
        ("aarch64-linux", nix_settings(), "refused"),
        ("aarch64-linux", nix_settings(MACHINES), "refused"),
        ("aarch64-linux", nix_settings("@/no/such/file"), "refused"),
        ("aarch64-linux", nix_settings("", "https://c.example", substitute=False), "refused"),
        ("aarch64-linux", nix_settings("", "https://c.example"), "https://c.example"),
        ("aarch64-linux", nix_settings(ARM), ""),
        ("aarch64-linux", nix_settings("ssh://a riscv64-linux; ssh://b aarch64-linux"), ""),
        ("aarch64-linux", Result(1, "", "no such command"), ""),
        ("aarch64-linux kvm", nix_settings(ARM), "refused"),
        ("aarch64-linux kvm", nix_settings(f"{ARM} /key 4 1 big-parallel"), "refused"),
        ("aarch64-linux kvm", nix_settings(f"{ARM} - - - big-parallel,kvm"), ""),
        ("aarch64-linux kvm", nix_settings(f"{ARM} - - - - kvm"), ""),
        ("aarch64-linux", nix_settings(f"{ARM} - - - - kvm"), "refused"),
        ("i686-linux", nix_settings(), ""),
        ("builtin", nix_settings(), ""),
        ("x86_64-linux", nix_settings(), ""),
        ("x86_64-linux kvm", nix_settings(), ""),
        ("x86_64-linux kvm big-parallel", nix_settings(), ""),
        ("x86_64-linux kvm nixos-test", nix_settings(), "refused"),
    ],
)
def test_what_nothing_can_build_is_told(
    fake: Nix, monkeypatch: pytest.MonkeyPatch, needed: str, settings: Result, outcome: str
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    system, _, features = needed.partition(" ")
    image = image_shown(system=system, features=features)
    fake.answers = {"config show": settings, **answers(shown(MANIFEST), image)}
    if outcome == "refused":
        with pytest.raises(FlakeshipError) as raised:
            evaluated(Path("access"))
        assert raised.value.code == "builder-missing"
        assert set(needed.split()) <= set(raised.value.given.replace(",", "").split())
        assert "x86_64-linux with big-parallel, kvm" in raised.value.allowed
        return
    warnings = evaluated(Path("access")).warnings
    assert len(warnings) == bool(outcome)
    assert outcome in "".join(warnings)


@pytest.mark.parametrize("form", ["__json", "structuredAttrs"])
def test_features_may_be_structured(fake: Nix, tmp_path: Path, form: str) -> None:
    attributes: Any = {"requiredSystemFeatures": ["unheard-of"]}
    image = json.loads(image_shown())
    (made,) = image.values()
    del made["env"]["requiredSystemFeatures"]
    if form == "__json":
        made["env"]["__json"] = json.dumps(attributes)
    else:
        made["structuredAttrs"] = attributes
    fake.answers = {"config show": nix_settings(), **answers(shown(MANIFEST), json.dumps(image))}
    with pytest.raises(FlakeshipError) as raised:
        evaluated(tmp_path)
    assert "unheard-of" in raised.value.given


def test_builders_may_be_in_a_file(fake: Nix, tmp_path: Path) -> None:
    (tmp_path / "machines").write_text("ssh://a riscv64-linux,aarch64-linux /key 4 1 kvm\n")
    fake.answers = {"config show": nix_settings(f"@{tmp_path}/machines")}
    fake.answers |= answers(shown(MANIFEST), image_shown(system="riscv64-linux"))
    assert evaluated(tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("asked", "key", "allowed", "remedy"),
    [
        ("wep.qemu", "host", "web, db", "did you mean web?"),
        ("web.qemo", "variant", "qemu, raw", "did you mean qemu?"),
        ("mail.qemu", "host", "web, db", ""),
    ],
)
def test_a_host_that_is_not_there_names_those_that_are(
    fake: Nix, asked: str, key: str, allowed: str, remedy: str
) -> None:
    fake.answers = {
        "path-info": failed(
            error_of_nix(f"error: flake 'x' does not provide attribute 'flakeship.{asked}'")
        ),
        "eval": Result(0, '{"web": ["qemu", "raw"], "db": ["qemu"]}', ""),
    }
    with pytest.raises(SettingError) as raised:
        evaluated(Path("access"), *asked.split("."))
    error = raised.value
    assert (error.code, error.key) == (f"{key}-missing", f"flakeship:{key}")
    assert (error.allowed, error.remedy) == (allowed, remedy)


MISSING = error_of_nix("error: flake 'x' does not provide attribute 'flakeship.web.qemu'")


def test_a_flake_without_hosts_is_refused(fake: Nix) -> None:
    fake.answers = {"path-info": failed(MISSING), "eval": Result(1, "", "error")}
    with pytest.raises(SettingError) as raised:
        evaluated(Path("access"))
    assert (raised.value.code, raised.value.key) == ("flake-without-hosts", "flakeship:flake")


def test_what_git_does_not_track_is_told_where_something_is_missing(
    fake: Nix, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unseen = source.Source(untracked=("hosts/mail.nix",))
    monkeypatch.setattr(evaluate, "source", lambda _: unseen)
    fake.answers = {"path-info": failed(MISSING), "eval": Result(0, '{"db": ["qemu"]}', "")}
    with pytest.raises(SettingError) as raised:
        evaluated(tmp_path)
    assert "hosts/mail.nix" in raised.value.remedy
    fake.answers = {"path-info": failed(error_of_nix("error: path 'x' does not exist"))}
    with pytest.raises(FlakeshipError) as failure:
        evaluated(tmp_path)
    assert failure.value.code == "evaluation-failed"
    assert "hosts/mail.nix" in failure.value.remedy


@pytest.mark.parametrize(
    "text",
    [
        "error: cannot build '/nix/store/x-ifd.drv^out' during evaluation because the option "
        "'allow-import-from-derivation' is disabled",
        "error: cannot build '/nix/store/x-ifd.drv' during evaluation because the option "
        "'allow-import-from-derivation' is disabled",
    ],
)
def test_a_build_during_an_evaluation_is_refused_in_one_line(fake: Nix, text: str) -> None:
    fake.answers = {"path-info": failed(error_of_nix(f"error:\n   … while x\n\n   {text}"))}
    with pytest.raises(FlakeshipError) as raised:
        evaluated(Path("access"))
    error = raised.value
    assert (error.code, error.details) == ("import-from-derivation", ())
    assert "/nix/store/x-ifd.drv" in error.what
    assert "flakeship:allowImportFromDerivation" in error.remedy
    assert len(str(error).splitlines()) == 1


def test_a_setting_allows_builds_during_an_evaluation(fake: Nix, tmp_path: Path) -> None:
    fake.answers = answers(shown(MANIFEST))
    Evaluator(FlakeReference.parse("./flake"), tmp_path, may_build=True).evaluate("web", "qemu")
    (asked, *_) = fake.asked
    assert asked[asked.index("allow-import-from-derivation") + 1] == "true"


STACK = """error:
       … while calling the 'derivationStrict' builtin
         at /nix/store/x-source/nix/lib/release.nix:11:1:

       (stack trace truncated; use '--show-trace' to show the full, detailed trace)

       error:
       Failed assertions:
       - one of ours"""


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (
            failed(error_of_nix("error: syntax error\n at flake.nix:3")),
            "error: syntax error\n at flake.nix:3",
        ),
        (failed(error_of_nix(STACK)), "error:\nFailed assertions:\n- one of ours"),
        (failed(text="killed"), "killed"),
        (Result(-9, "", ""), "Nix was killed"),
        (
            failed(error_of_nix("error: x" + "\nmore" * 1000)),
            "\n".join(["error: x", *["more"] * (evaluate.MOST_LINES - 1), "…"]),
        ),
    ],
)
def test_an_error_of_evaluation_is_its_cause(
    fake: Nix, tmp_path: Path, answer: Result, cause: str
) -> None:
    fake.answers = {"path-info": answer}
    with pytest.raises(FlakeshipError) as raised:
        evaluated(tmp_path)
    assert raised.value.code == "evaluation-failed"
    assert raised.value.details[0] == cause
    assert "--show-trace './flake#flakeship.web.qemu'" in raised.value.details[1]


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        ({"fingerprint": "ab" * 32, "locked": {}}, True),
        ({"locked": {"narHash": "sha256-x"}, "locks": {}}, True),
        ({"locked": {"type": "git"}, "locks": {}}, False),
    ],
)
def test_a_flake_has_the_fingerprint_of_its_evaluations_where_it_is_locked(
    fake: Nix, tmp_path: Path, answer: dict[str, Any], known: bool
) -> None:
    fake.answers = {"flake metadata": Result(0, json.dumps(answer | {"revision": "abc"}), "")}
    found = Evaluator(FlakeReference.parse("./flake"), tmp_path).locked()
    assert bool(found.fingerprint) == known
    assert found.revision == "abc"
    assert not found.takes_keys
    fake.answers = {"flake metadata": Result(1, "", "error")}
    assert Evaluator(FlakeReference.parse("./flake"), tmp_path).locked() == evaluate.Locked()


@pytest.mark.parametrize(("inputs", "takes"), [({"access": "a"}, True), ({"nixpkgs": "n"}, False)])
def test_a_flake_takes_keys_by_its_own_input(
    fake: Nix, tmp_path: Path, inputs: dict[str, str], takes: bool
) -> None:
    nodes = {"root_2": {"inputs": inputs}, "other": {"inputs": {"access": "a"}}}
    answer = json.dumps({"locks": {"root": "root_2", "nodes": nodes}})
    fake.answers = {"flake metadata": Result(0, answer, "")}
    assert Evaluator(FlakeReference.parse("./flake"), tmp_path).locked().takes_keys is takes


@pytest.fixture
def image(tmp_path: Path) -> BuildRequest:
    file = tmp_path / "image.qcow2"
    file.write_bytes(qcow2_header())
    return BuildRequest(
        release="web-aaaaaaaa",
        derivation=str(tmp_path / "x.drv"),
        output=str(tmp_path),
        files=(str(file),),
        format="qcow2",
        toplevel="/nix/store/toplevel",
        gc_root=str(tmp_path / "roots/web"),
    )


def test_a_build_is_kept_whole(fake: Nix, image: BuildRequest) -> None:
    built = build.build(image)
    data, drv, root = qcow2_header(), image.derivation, image.gc_root
    assert built.image == File(image.files[0], len(data), hashlib.sha512(data).hexdigest())
    assert fake.asked == [
        ["build", f"{drv}^out", "--out-link", root, "--log-format", "internal-json"],
        ["build", drv, "--out-link", f"{root}-drv"],
        ["build", image.toplevel, "--out-link", f"{root}-toplevel"],
    ]


def refused(request: BuildRequest) -> FlakeshipError:
    """The error of a build that leaves no link behind."""
    root = Path(request.gc_root)
    root.parent.mkdir()
    root.symlink_to(request.output)
    with pytest.raises(FlakeshipError) as raised:
        build.build(request)
    assert not root.is_symlink()
    assert raised.value.key == request.release
    return raised.value


def verified(request: BuildRequest) -> BuildRequest:
    """The request for what `request` builds, once it was verified."""
    files = [describe(Path(path)) for path in request.files]
    return replace(
        request,
        verified_sha512=tuple(file.sha512 for file in files),
        verified_size=tuple(file.size for file in files),
        verified_disk=1024,
    )


def test_a_verified_release_is_compared_and_never_built(fake: Nix, image: BuildRequest) -> None:
    request = verified(image)
    Path(image.derivation).touch()
    assert build.build(request) == request.verified
    root = image.gc_root
    assert fake.asked == [
        ["build", image.output, "--out-link", root],
        ["build", image.derivation, "--out-link", f"{root}-drv"],
    ]
    fake.asked.clear()
    Path(image.files[0]).write_bytes(qcow2_header(size=2**20) + b"flipped")
    with pytest.raises(FlakeshipError) as raised:
        build.build(request)
    error = raised.value
    assert (error.code, error.key) == ("image-changed", image.release)
    assert f"nix store delete {image.output}" in error.remedy
    assert not fake.asked


def test_a_verified_release_whose_files_are_elsewhere_is_as_recorded(
    fake: Nix, image: BuildRequest
) -> None:
    request = verified(image)
    Path(image.files[0]).unlink()
    assert build.build(request) == request.verified
    assert not fake.asked
    assert not Path(image.gc_root).parent.exists()
    with pytest.raises(FlakeshipError) as raised:
        build.build(replace(request, verified_disk=4, max_image_disk=3))
    assert raised.value.code == "image-too-large"


def test_what_was_verified_is_of_the_manifests_files() -> None:
    made = release(1)
    known = Artifact((File(made.paths[0], 5, "ab"),), 512)
    request = BuildRequest.of(made, "dev", known)
    assert request.verified == known
    assert request.gc_root == f".state/dev/roots/{made.name}"
    assert BuildRequest.of(made, "dev").verified is None
    other = BuildRequest.of(replace(made, files=("image.qcow2", "more")), "dev", known)
    assert (other.verified, other.verified_disk) == (None, 0)


@pytest.mark.usefixtures("fake")
def test_each_of_several_files_is_compared(image: BuildRequest, tmp_path: Path) -> None:
    (tmp_path / "initrd").write_bytes(b"more bytes")
    files = (*image.files, str(tmp_path / "initrd"))
    several = replace(image, files=files, format="netboot")
    built = build.build(several)
    assert [Path(file.path).name for file in built.files] == ["image.qcow2", "initrd"]
    assert [file.size for file in built.files] == [len(qcow2_header()), 10]
    assert built.disk == 0
    again = replace(verified(several), verified_disk=0)
    assert build.build(again) == built
    (tmp_path / "initrd").write_bytes(b"less bytes")
    with pytest.raises(FlakeshipError) as raised:
        build.build(again)
    assert raised.value.code == "image-changed"
    assert f"{tmp_path}/initrd is not the file" in raised.value.what


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("largest", "fits"), [(0, True), (3, True), (2, False)])
def test_an_image_may_be_too_large_for_its_server(
    image: BuildRequest, tmp_path: Path, largest: int, fits: bool
) -> None:
    (tmp_path / "image.qcow2").write_bytes(qcow2_header(size=2 * 2**20 + 1))
    request = replace(image, max_image_disk=largest)
    if fits:
        assert build.build(request).disk == 3
    else:
        error = refused(request)
        assert error.code == "image-too-large"
        assert "larger `disk`" in error.remedy


def test_a_build_without_its_file_is_refused(fake: Nix, image: BuildRequest) -> None:
    gone = f"{image.output}/gone"
    with pytest.raises(FlakeshipError) as raised:
        build.build(replace(image, files=(*image.files, gone)))
    assert raised.value.code == "image-file-missing"
    assert gone in raised.value.what
    assert len(fake.asked) == 1


def test_a_build_that_is_not_what_the_manifest_says_leaves_no_link(
    fake: Nix, image: BuildRequest
) -> None:
    error = refused(replace(image, format="raw"))
    assert (error.code, error.given, error.allowed) == ("image-other-format", "qcow2", "raw")
    assert len(fake.asked) == 1


def test_a_build_without_its_output_is_refused(fake: Nix, image: BuildRequest) -> None:
    out = "/nix/store/00000000000000000000000000000000-gone"
    with pytest.raises(FlakeshipError) as raised:
        build.build(replace(image, output=out))
    assert raised.value.code == "build-without-output"
    assert len(fake.asked) == 1


def test_a_failing_build_names_the_whole_log(fake: Nix, image: BuildRequest) -> None:
    fake.answers = {"build": CommandError("failed", 1)}
    with pytest.raises(FlakeshipError) as raised:
        build.build(image)
    assert raised.value.code == "build-failed"
    assert f"nix log {image.derivation}" in raised.value.remedy


def test_a_request_comes_back_from_its_variables(image: BuildRequest) -> None:
    several = replace(
        image,
        files=("/nix/store/x/a b", "/nix/store/x/c"),
        verified_sha512=("cd", "ab"),
        verified_size=(0, 3),
        verified_disk=512,
        max_image_disk=3,
    )
    for request in (image, several):
        assert codec.from_variables(BuildRequest, codec.variables(request)) == request
    assert "max_image_disk" not in codec.variables(image)
    forget = codec.from_variables(ForgetRequest, codec.variables(image))
    assert forget == ForgetRequest(image.gc_root)


def test_a_request_that_lacks_a_variable_is_refused(image: BuildRequest) -> None:
    given = codec.variables(image)
    del given["output"]
    with pytest.raises(ValidationError, match="output"):
        codec.from_variables(BuildRequest, given)


def test_dropping_twice_is_fine(tmp_path: Path) -> None:
    root = tmp_path / "web"
    for ending in ("", "-drv", "-toplevel"):
        Path(f"{root}{ending}").symlink_to(tmp_path)
    store.drop(str(root))
    store.drop(str(root))
    assert list(tmp_path.iterdir()) == []
