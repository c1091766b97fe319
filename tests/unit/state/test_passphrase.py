"""A stack with a secret in it is refused with a passphrase that everybody has."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.state import passphrase

ROOT = Path(__file__).parents[3]
PUBLIC = {"PULUMI_CONFIG_PASSPHRASE_FILE": str(ROOT / "dev/public-passphrase")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("encryptionsalt: v1:abc\nconfig:\n  flakeship:host: web\n")
    return file


def test_a_secret_is_refused_and_what_to_do_is_named(file: Path) -> None:
    with pytest.raises(FlakeshipError) as raised:
        passphrase.refuse_public("prod", ["aws:key", "the target openstack"], file, PUBLIC)
    error = raised.value
    assert error.code == "passphrase-public"
    assert error.given == "aws:key and the target openstack"
    assert error.key == "stack prod"
    assert "make up STACK=" in error.remedy


def test_without_a_secret_the_public_passphrase_serves(file: Path) -> None:
    passphrase.refuse_public("prod", [], file, PUBLIC)


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"PULUMI_CONFIG_PASSPHRASE": "mine"},
        {"PULUMI_CONFIG_PASSPHRASE": "mine", **PUBLIC},
        {"PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere/passphrase"},
    ],
)
def test_any_other_passphrase_serves(file: Path, env: dict[str, str]) -> None:
    passphrase.refuse_public("prod", ["aws:key"], file, env)


def test_a_secrets_service_needs_no_passphrase(file: Path) -> None:
    file.write_text("secretsprovider: awskms://alias/prod\nencryptedkey: abc\n")
    passphrase.refuse_public("prod", ["aws:key"], file, PUBLIC)


def test_a_public_passphrase_may_be_given_as_text_and_another_file_as_the_stacks(
    tmp_path: Path,
) -> None:
    env = {"PULUMI_CONFIG_PASSPHRASE": "public: hello"}
    assert passphrase.is_public(tmp_path / "Pulumi.none.yaml", env)
