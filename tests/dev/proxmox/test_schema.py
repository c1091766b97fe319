"""What the schema refuses, in Proxmox VE's words."""

from __future__ import annotations

import pytest

from dev.proxmox.errors import PveError
from dev.proxmox.schema import Schema
from dev.proxmox.site import RELEASES

FORM = "invalid format - format error\n"


def errors(version: str, **given: str) -> dict[str, str]:
    method, found = Schema(version).find("POST", "/nodes/pve/qemu")
    try:
        method.verified({"vmid": "100", **found, **given})
    except PveError as error:
        return dict(error.errors or {})
    return {}


@pytest.mark.parametrize("version", RELEASES)
@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("cores", "two", "type check ('integer') failed - got 'two'"),
        ("cores", "0", "value must have a minimum value of 1"),
        ("onboot", "maybe", "type check ('boolean') failed - got 'maybe'"),
        ("bios", "efi", "value 'efi' does not have a value in the enumeration 'seabios, ovmf'"),
        ("description", "x" * 9000, "value may only be 8192 characters long"),
        ("name", "a_b", "invalid format - value does not look like a valid DNS name\n"),
        ("sshkeys", "a b", "invalid format - invalid urlencoded string\n"),
        ("machine", "vax", f"{FORM}machine.type: value does not match the regex pattern\n"),
        ("scsi0", "local:8,speed=1", f"{FORM}scsi0.speed: property is not defined in schema and "
         "the schema does not allow additional properties\n"),
        ("net0", "bridge=vmbr0", f"{FORM}net0.model: property is missing and it is not optional\n"),
        ("net0", "virtio,vmbr0", "invalid format - value without key, but schema does not define "
         "a default key\n"),
        ("ipconfig0", "address=1", f"{FORM}ipconfig0.address: property is not defined in schema "
         "and the schema does not allow additional properties\n"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(version: str, name: str, value: str, text: str) -> None:
    assert errors(version, **{name: value}) == {name: text}


@pytest.mark.parametrize("version", RELEASES)
def test_what_is_right_is_taken(version: str) -> None:
    given = {"onboot": "yes", "net31": "virtio=BC:24:11:00:00:01,bridge=vmbr0", "tags": "a;b"}
    assert errors(version, **given) == {}


def test_a_missing_parameter_is_told() -> None:
    method, found = Schema("9.2").find("PUT", "/nodes/pve/qemu/100/resize")
    with pytest.raises(PveError) as refused:
        method.verified({**found, "disk": "scsi0"})
    assert refused.value.errors == {"size": "property is missing and it is not optional"}
