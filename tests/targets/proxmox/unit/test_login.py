"""Who calls which API: one identity, and no secret in a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api.login import Access, find
from tests.targets.proxmox.unit.cluster import TOKEN

API = "https://pve1.example.com:8006"
ENV = {"PROXMOX_VE_API_TOKEN": TOKEN, "PROXMOX_VE_ENDPOINT": f"{API}/"}
SECRET = TOKEN.partition("=")[2]


def refused(access: Access, **environment: str) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        find(access, environment)
    assert SECRET not in str(caught.value)
    return caught.value


def test_all_of_it_from_the_environment() -> None:
    found = find(Access(), ENV)
    assert (found.endpoint, found.user, found.owner) == (API, "iac@pve!ci", "iac@pve")
    assert found.token == TOKEN
    assert SECRET not in repr(found)


def test_a_token_in_a_file_of_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o640)
    access = Access(API, str(file))
    assert find(access, {}).token == TOKEN
    assert find(access, {"PROXMOX_VE_API_TOKEN": TOKEN}).token == TOKEN
    assert refused(access, PROXMOX_VE_API_TOKEN=f"{TOKEN}0").code == "credentials-mixed"
    file.chmod(0o644)
    assert refused(access).code == "token-shared"


@pytest.mark.parametrize("content", [b"", b"\xff", b"x" * 5000, "iac@pve!ci=é".encode()])
def test_a_file_without_a_token(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    file.chmod(0o600)
    assert refused(Access(API, str(file))).code in {"token-malformed", "token-unreadable"}
    assert refused(Access(API, str(tmp_path))).code == "token-unreadable"


@pytest.mark.parametrize(
    "token",
    [
        SECRET,
        f"iac@pve={SECRET}",
        f"iac!ci={SECRET}",
        f"PVEAPIToken={TOKEN}",
        "iac@pve!ci=",
        f"iac@pve!ci={SECRET}\r\nX-Header: 1",
        f"iac@pve!ci={SECRET}\x1b[2J",
        f"iac@pve!ci={'x' * 300}",
    ],
)
def test_what_is_no_token(token: str) -> None:
    assert refused(Access(API), PROXMOX_VE_API_TOKEN=token).code == "token-malformed"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"PROXMOX_VE_API_TOKEN": ""}, "token-missing"),
        ({"PROXMOX_VE_INSECURE": "true"}, "tls-switched-off"),
        ({"PROXMOX_VE_INSECURE": "1"}, "tls-switched-off"),
        ({"PROXMOX_VE_INSECURE": "yes please"}, "tls-switched-off"),
        ({"PROXMOX_VE_ENDPOINT": "https://other:8006"}, "credentials-mixed"),
        ({"PROXMOX_VE_ENDPOINT": "http://pve1"}, "endpoint-malformed"),
        ({"PROXMOX_VE_USERNAME": "root@pam"}, "credentials-mixed"),
        ({"PROXMOX_VE_PASSWORD": "x"}, "credentials-mixed"),
        ({"PROXMOX_VE_MIN_TLS": "1.0"}, "credentials-mixed"),
        ({"PM_VE_INSECURE": "1"}, "credentials-mixed"),
        ({"PM_VE_API_TOKEN": "x"}, "credentials-mixed"),
    ],
)
def test_variables_that_would_lead_elsewhere(environment: dict[str, str], code: str) -> None:
    assert refused(Access(API), **{**ENV, **environment}).code == code


def test_variables_that_say_the_same_are_in_nobodys_way() -> None:
    assert find(Access(API), {**ENV, "PROXMOX_VE_INSECURE": "false"}).endpoint == API


def test_without_an_endpoint() -> None:
    assert refused(Access(), PROXMOX_VE_API_TOKEN=TOKEN).code == "endpoint-missing"
