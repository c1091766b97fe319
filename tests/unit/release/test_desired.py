"""A flake is evaluated as memory allows, and refused is what the target cannot boot."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from flakeship.config.settings import AnySettings
from flakeship.model.authorized_key import AuthorizedKey
from flakeship.model.errors import FlakeshipError, SettingError
from flakeship.model.flake import FlakeReference
from flakeship.model.release import Artifact, Firmware, Format, Record
from flakeship.nix.evaluate import Evaluated, Locked
from flakeship.nix.source import Source
from flakeship.release import desired
from flakeship.release.desired import Desired, Flake, refuse_unbootable
from flakeship.ssh import keys, public_key
from flakeship.state.outputs import StackOutputs
from flakeship.targets import registry
from flakeship.targets.openstack.images.properties import properties
from tests.unit.model.test_ledger import release
from tests.unit.nix.test_workers import told

QCOW2 = release(1)


@dataclass
class Evaluator:
    """Notes down how many evaluations there are at a time."""

    format: Format = "qcow2"
    locked_as: Locked = field(default_factory=Locked)
    messages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    built: tuple[str, ...] = ()
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _flake: FlakeReference, _access: Path, _may_build: bool) -> Evaluator:
        return self

    def locked(self) -> Locked:
        return self.locked_as

    def evaluate(self, host: str, variant: str) -> Evaluated:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(0.05)
        with self.lock:
            self.running -= 1
        made = replace(QCOW2, host=host, variant=variant, format=self.format)
        return Evaluated(made, self.messages.get(host, ()), (), self.built)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AnySettings:
    (tmp_path / "flake").mkdir()
    (tmp_path / "flake/flake.nix").touch()
    monkeypatch.chdir(tmp_path)
    return AnySettings(flake="./flake", host="web", servers=[])


@pytest.mark.parametrize(("mebibytes", "most"), [(16000, 4), (2500, 2), (100, 1)])
def test_hosts_are_evaluated_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    settings: AnySettings,
    mebibytes: int,
    most: int,
) -> None:
    told(monkeypatch, tmp_path, mebibytes, 4)
    evaluator = Evaluator()
    monkeypatch.setattr(desired, "Evaluator", evaluator)
    hosts = ["web", "db", "mail", "forge"]
    found = Flake(settings, "dev", registry.spec("local")).releases(hosts)
    assert list(found.releases) == hosts
    assert evaluator.most == most


def test_a_message_is_shown_once_for_all_hosts_and_again_from_the_cache(
    monkeypatch: pytest.MonkeyPatch, settings: AnySettings
) -> None:
    evaluator = Evaluator(
        locked_as=Locked("0" * 64, "abc", ("an unknown setting",)),
        messages={
            "web": ("an unknown setting", "old option"),
            "db": ("an unknown setting", "old option", "weak cipher"),
        },
    )
    monkeypatch.setattr(desired, "Evaluator", evaluator)
    flake = Flake(settings, "dev", registry.spec("local"))
    shown = [
        "./flake: an unknown setting",
        "web.qemu, db.qemu: old option",
        "db.qemu: weak cipher",
    ]
    assert flake.releases(["web", "db"]).warnings == shown
    evaluator.messages = {}
    evaluator.locked_as = replace(evaluator.locked_as, messages=())
    assert flake.releases(["web", "db"]).warnings == shown[1:]
    evaluator.locked_as = Locked("1" * 64)
    assert flake.releases(["web", "db"]).warnings == []


@pytest.mark.parametrize(
    ("git", "nix", "recorded"), [("abc", "def", "abc"), ("", "def", "def"), ("", "", "")]
)
def test_the_revision_is_that_of_git_or_what_nix_says_of_a_flake_elsewhere(
    monkeypatch: pytest.MonkeyPatch, settings: AnySettings, git: str, nix: str, recorded: str
) -> None:
    monkeypatch.setattr(desired, "Evaluator", Evaluator(locked_as=Locked(revision=nix)))
    monkeypatch.setattr(desired, "source", lambda _: Source(git))
    found = Flake(settings, "dev", registry.spec("local")).releases(["web"])
    assert found.releases["web"].revision == recorded


@pytest.mark.parametrize("takes", [True, False])
def test_a_release_has_the_keys_that_the_flake_has_taken(
    monkeypatch: pytest.MonkeyPatch, settings: AnySettings, takes: bool
) -> None:
    monkeypatch.setattr(desired, "Evaluator", Evaluator(locked_as=Locked(takes_keys=takes)))
    found = Flake(settings, "dev", registry.spec("local")).releases(["web", "db"]).releases
    own = public_key.authorized(keys.OWN_KEY.with_suffix(".pub").read_text().strip())
    assert [each.keys for each in found.values()] == [(own,) if takes else ()] * 2
    recorded = Path(".state/dev/access/authorized_keys").read_text()
    assert public_key.fingerprint(recorded) == own.fingerprint


def test_nothing_is_evaluated_with_keys_that_the_stack_does_not_use(
    monkeypatch: pytest.MonkeyPatch, settings: AnySettings
) -> None:
    theirs = replace(release(1), keys=(AuthorizedKey("SHA256:" + "A" * 43, "theirs"),))
    before = StackOutputs(running={"web": theirs.name}, ledger=[Record(theirs, Artifact(()))])
    monkeypatch.setattr(desired, "Evaluator", None)
    with pytest.raises(FlakeshipError) as refused:
        Flake(settings, "dev", registry.spec("local"), before).releases(["web"])
    assert refused.value.code == "keys-differ"
    assert not keys.OWN_KEY.exists()
    assert Flake(settings, "dev", registry.spec("local"), before).releases([]).releases == {}


def test_a_release_that_an_older_version_has_verified_gets_its_keys(settings: AnySettings) -> None:
    authorized = (AuthorizedKey("SHA256:" + "A" * 43, "me"),)
    evaluated = replace(release(1, "new"), keys=authorized)
    for recorded in (release(1, "old"), replace(release(1, "old"), keys=authorized)):
        before = StackOutputs(ledger=[Record(recorded, Artifact(()))])
        found = Desired("dev", settings, {"web": evaluated}, before).as_verified["web"]
        assert found == replace(release(1, "old"), keys=authorized)


def test_that_an_evaluation_may_build_is_announced(settings: AnySettings) -> None:
    assert desired.announcement(settings) == ""
    allowed = settings.model_copy(update={"allow_import_from_derivation": True})
    assert "allowImportFromDerivation" in desired.announcement(allowed)


def test_what_an_evaluation_has_built_is_told(
    monkeypatch: pytest.MonkeyPatch, settings: AnySettings
) -> None:
    evaluator = Evaluator(built=("/nix/store/x.drv", "/nix/store/y.drv"))
    monkeypatch.setattr(desired, "Evaluator", evaluator)
    warnings = Flake(settings, "dev", registry.spec("local")).releases(["web"]).warnings
    assert [each.rpartition(" ")[2] for each in warnings] == list(evaluator.built)


def test_a_variant_that_the_target_cannot_boot_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: AnySettings
) -> None:
    monkeypatch.setattr(desired, "Evaluator", Evaluator("netboot"))
    asked = settings.model_copy(update={"variant": "netboot"})
    with pytest.raises(SettingError) as refused:
        Flake(asked, "dev", registry.spec("local")).releases(["web"])
    error = refused.value
    assert (error.code, error.key) == ("variant-not-bootable", "flakeship:variant")
    assert (error.given, error.allowed) == ("netboot", "qemu, openstack, proxmox, raw")
    assert "image format netboot" in error.what


@pytest.mark.parametrize(
    ("target", "given", "firmware", "fits"),
    [
        ("local", "qcow2", "bios", True),
        ("local", "raw", "hybrid", True),
        ("local", "qcow2", "uefi", False),
        ("local", "raw.zst", "bios", False),
        ("openstack", "raw", "uefi", True),
        ("openstack", "qcow2", "hybrid", True),
        ("openstack", "vma.zst", "hybrid", False),
        ("openstack", "raw.zst", "bios", False),
        ("openstack", "netboot", "bios", False),
    ],
)
def test_what_a_target_boots(target: str, given: Format, firmware: Firmware, fits: bool) -> None:
    offered = replace(QCOW2, format=given, firmware=firmware)
    if fits:
        refuse_unbootable(offered, registry.spec(target))
        return
    with pytest.raises(SettingError) as refused:
        refuse_unbootable(offered, registry.spec(target))
    assert refused.value.code == "variant-not-bootable"


@pytest.mark.parametrize(
    "system", ["aarch64-linux", "i686-linux", "x86_64-darwin", "riscv64-linux"]
)
def test_a_host_for_another_platform_is_refused_here(system: str) -> None:
    other = replace(QCOW2, system=system)
    with pytest.raises(SettingError) as refused:
        refuse_unbootable(other, registry.spec("local"))
    assert (refused.value.code, refused.value.key) == ("system-not-bootable", "flakeship:host")
    assert (refused.value.given, refused.value.allowed) == (system, "x86_64-linux")
    refuse_unbootable(other, registry.spec("openstack"))  # its flavors tell


def test_a_machine_here_has_no_uefi() -> None:
    with pytest.raises(SettingError) as refused:
        refuse_unbootable(replace(QCOW2, firmware="uefi"), registry.spec("local"))
    assert "firmware uefi" in refused.value.what
    assert "boots bios and hybrid" in refused.value.what


@pytest.mark.parametrize(
    ("firmware", "told"), [("bios", "bios"), ("uefi", "uefi"), ("hybrid", "bios")]
)
def test_a_cloud_is_told_of_the_firmware_in_its_own_words(firmware: Firmware, told: str) -> None:
    made = properties(replace(QCOW2, firmware=firmware), "dev")
    assert made["hw_firmware_type"] == told
