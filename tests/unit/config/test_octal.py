"""Numbers that YAML reads as octal are refused in a stack's file, with the decimal one."""

from __future__ import annotations

import pytest

from flakeship.config.octal import refuse_octal
from flakeship.model.errors import SettingError, SettingsError

FILE = """\
encryptionsalt: v1:010:x
config:
  other:key: 010
  flakeship:retainReleases: {retain}
  flakeship:host: "010"
  flakeship:servers:
    - name: web # 010
      vcpus: {vcpus}
      ports: [{port}, "080"]
      checks:
        - {{ name: a, run: "echo 010", timeout: {timeout} }}
        - name: b
          run: |
            chmod
            010
          send: 010 and more
        - 1.010
        - "-"
      other: &again [1]
      again: *again
"""
GOOD = {"retain": "3", "vcpus": "2", "port": "80", "timeout": "5"}


def refusal(**changed: str) -> SettingError:
    with pytest.raises(SettingError) as caught:
        refuse_octal(FILE.format(**GOOD | changed), "Pulumi.dev.yaml")
    return caught.value


def test_other_texts_with_zeros_are_good() -> None:
    refuse_octal(FILE.format(**GOOD), "Pulumi.dev.yaml")
    refuse_octal(FILE.format(**GOOD | {"vcpus": "0", "port": "08x"}), "Pulumi.dev.yaml")


@pytest.mark.parametrize(
    ("place", "literal", "key", "decimal", "octal"),
    [
        ("retain", "010", "flakeship:retainReleases", "10", "8"),
        ("vcpus", "04", "flakeship:servers[0].vcpus", "4", "4"),
        ("port", "0120", "flakeship:servers[0].ports[0]", "120", "80"),
        ("timeout", "0_17", "flakeship:servers[0].checks[0].timeout", "17", "15"),
    ],
)
def test_each_is_named(place: str, literal: str, key: str, decimal: str, octal: str) -> None:
    error = refusal(**{place: literal})
    assert (error.key, error.given, error.file) == (key, literal, "Pulumi.dev.yaml")
    also = f", or {octal}, which is what YAML reads" if octal != decimal else ""
    assert error.remedy == f"write {decimal}{also}"


def test_all_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        refuse_octal(FILE.format(**GOOD | {"vcpus": "02", "port": "07"}), "Pulumi.dev.yaml")
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "text", ["config: [010", "config: &a [*a, 010]", "010", "a: !x 010\n? [1]\n: 2"]
)
def test_a_file_of_another_shape_is_left_to_pulumi(text: str) -> None:
    refuse_octal(text, "Pulumi.dev.yaml")


def test_a_mode_is_quoted() -> None:
    text = "config:\n  flakeship:servers:\n    - dataDisks: { pg: { mode: 0750 } }\n"
    with pytest.raises(SettingError) as caught:
        refuse_octal(text, "Pulumi.dev.yaml")
    assert caught.value.key == "flakeship:servers[0].dataDisks.pg.mode"
    assert caught.value.remedy == 'quote it: "0750"'
