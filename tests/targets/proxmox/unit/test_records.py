"""A name leads to the active machine, in a zone of BIND; what others made is left alone."""

from __future__ import annotations

import base64
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dns.message
import dns.query
import pytest

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.system import tcp
from flakeship.targets.proxmox.cutover import records
from flakeship.targets.proxmox.cutover.cutover import check_active, cut_over, remove
from flakeship.targets.proxmox.requests import Cutover, CutoverRequest, DnsRecord
from tests.targets.proxmox.name_server import MARK, SECRET, Zone, real, record, serving
from tests.targets.proxmox.unit.guests import machine, request

OWNER = "flakeship prod web"


@pytest.fixture
def zone(tmp_path: Path) -> Iterator[Zone]:
    """A zone in which the name is free."""
    with serving(tmp_path) as made:
        yield made


def asked(zone: Zone, number: int) -> CutoverRequest:
    return request(number, "", dns=zone.record)


def refusal(asked: CutoverRequest, previous: str = "") -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        cut_over(asked, previous)
    assert SECRET not in f"{caught.value.fields()}"
    return caught.value


@real
def test_a_name_leads_to_the_active_machine(zone: Zone) -> None:
    first = cut_over(asked(zone, 1), "")
    assert zone.everything == [["10.7.0.11"], [], [f'"{OWNER}"']]
    second = cut_over(asked(zone, 2), codec.dump(first))
    assert zone.everything == [["10.7.0.12"], [], [f'"{OWNER}"']]
    assert second == Cutover(machine(2), "", zone.record, ["10.7.0.12"])
    assert "10.7.0.12" in check_active(second)
    with pytest.raises(FlakeshipError) as caught:
        check_active(first)
    assert (caught.value.code, caught.value.key) == ("dns-not-updated", "web.example.org")
    # without it nothing of the cutover has changed, and a run would leave it as it is
    assert "pulumi up --replace '**:Cutover::web'" in caught.value.remedy


@real
def test_an_address_of_ipv6_takes_the_place_of_one_of_ipv4(zone: Zone) -> None:
    cut_over(asked(zone, 1), "")
    records.point(zone.record, OWNER, "fd77::12")
    assert zone.everything == [[], ["fd77::12"], [f'"{OWNER}"']]


@real
def test_twice_is_as_once(zone: Zone) -> None:
    """Also after a kill that left no result of the run before."""
    for previous in ("", "", codec.dump(Cutover(machine(1), "", zone.record))):
        cut_over(asked(zone, 2), previous)
        assert zone.everything == [["10.7.0.12"], [], [f'"{OWNER}"']]


@real
def test_the_time_to_live_is_that_of_the_settings(zone: Zone) -> None:
    cut_over(asked(zone, 1), "")
    query = dns.message.make_query("web.example.org", "A")
    answer = dns.query.tcp(query, "127.0.0.1", 10, zone.record.port)
    assert answer.answer[0].ttl == 60


@real
@pytest.mark.parametrize(
    "made",
    [("A", "192.0.2.1"), ("AAAA", "2001:db8::1"), ("CNAME", "elsewhere.example.org.")],
)
def test_what_somebody_has_made_is_left_alone(zone: Zone, made: tuple[str, str]) -> None:
    zone.change(("add", "web", 300, *made))
    error = refusal(asked(zone, 1))
    assert (error.code, error.key) == ("dns-record-foreign", "web.example.org")
    assert "_flakeship.web.example.org" in error.remedy
    assert zone.find("web.example.org", made[0]) == [made[1]]
    assert zone.find(MARK, "TXT") == []


@real
def test_another_servers_name_is_left_alone(zone: Zone) -> None:
    cut_over(asked(zone, 1), "")
    other = replace(asked(zone, 2), server="api")
    error = refusal(other)
    assert error.code == "dns-record-foreign"
    assert OWNER in error.what
    remove(other, codec.dump(Cutover(machine(2), "", zone.record)))
    assert zone.everything == [["10.7.0.11"], [], [f'"{OWNER}"']]


@real
def test_a_name_that_is_taken_in_between_is_left_alone(
    zone: Zone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server itself refuses what is not as it was when it was read."""
    plain = records._texts

    def meanwhile(record: DnsRecord, name: str, kind: str) -> list[str]:
        found = plain(record, name, kind)
        zone.change(("replace", MARK.removesuffix(".example.org"), 60, "TXT", '"theirs"'))
        return found

    monkeypatch.setattr(records, "_texts", meanwhile)
    assert refusal(asked(zone, 1)).code == "dns-record-foreign"
    assert zone.everything == [[], [], ['"theirs"']]


@real
def test_what_was_changed_by_hand_is_put_right(zone: Zone) -> None:
    first = codec.dump(cut_over(asked(zone, 1), ""))
    zone.change(("replace", "web", 300, "A", "192.0.2.1"), ("add", "web", 300, "AAAA", "fd77::1"))
    with pytest.raises(FlakeshipError):
        check_active(codec.parse(Cutover, first))
    cut_over(asked(zone, 1), first)
    assert zone.everything == [["10.7.0.11"], [], [f'"{OWNER}"']]


@real
def test_the_server_goes(zone: Zone, caplog: pytest.LogCaptureFixture) -> None:
    first = codec.dump(cut_over(asked(zone, 1), ""))
    zone.change(("add", "web", 300, "TXT", '"of somebody else"'))
    remove(asked(zone, 1), first)
    assert zone.everything == [[], [], []]
    assert zone.find("web.example.org", "TXT") == ['"of somebody else"']
    with caplog.at_level(logging.WARNING):
        remove(asked(zone, 1), first)
    assert "web.example.org" in caplog.text


@real
def test_another_name_takes_the_place_of_the_former_one(zone: Zone) -> None:
    first = cut_over(asked(zone, 1), "")
    www = replace(zone.record, name="www.example.org")
    assert refusal(request(1, "", dns=www), codec.dump(first)).code == "dns-update-refused"
    assert zone.everything == [["10.7.0.11"], [], [f'"{OWNER}"']]
    allowed = replace(www, key="others")
    cut_over(request(1, "", dns=allowed), codec.dump(first))
    assert zone.everything == [[], [], []]
    assert zone.find("www.example.org", "A") == ["10.7.0.11"]
    cut_over(request(1, ""), codec.dump(Cutover(machine(1), "", allowed)))
    assert zone.find("www.example.org", "A") == []


@real
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"key": "unknown"}, "dns-update-refused"),
        ({"algorithm": "hmac-sha512"}, "dns-update-refused"),
        ({"zone": "example.net", "name": "web.example.net"}, "dns-update-refused"),
        ({"name": "api.example.org"}, "dns-update-refused"),
    ],
)
def test_what_the_name_server_refuses_is_told(zone: Zone, wrong: dict[str, str], code: str) -> None:
    record = replace(zone.record, **wrong)  # type: ignore[arg-type]
    error = refusal(request(1, "", dns=record))
    assert (error.code, error.key) == (code, record.name)
    assert "127.0.0.1" in error.what


@real
def test_a_wrong_secret_is_told(zone: Zone) -> None:
    Path(zone.record.key_file).write_text(base64.b64encode(b"another").decode())
    assert refusal(asked(zone, 1)).code == "dns-update-refused"


def test_a_name_server_that_does_not_answer(tmp_path: Path) -> None:
    (port,) = tcp.free_ports(1)
    error = refusal(request(1, "", dns=record(tmp_path, port)))
    assert (error.code, error.key) == ("dns-unreachable", "web.example.org")


def test_a_name_server_that_answers_something_else(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = record(tmp_path, server.getsockname()[1])
        server.settimeout(10)

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(b"\x00\x05hello")

        thread = threading.Thread(target=answer)
        thread.start()
        assert refusal(request(1, "", dns=found)).code == "dns-unreachable"
        thread.join()


@pytest.mark.parametrize(
    ("content", "mode", "code"),
    [
        (SECRET, 0o604, "key-shared"),
        (SECRET, 0o602, "key-shared"),
        ("", 0o600, "key-malformed"),
        ("no secret!", 0o600, "key-malformed"),
        ("A" * 5000, 0o600, "key-malformed"),
        ("\xff", 0o600, "key-unreadable"),
    ],
)
def test_a_key_file_that_is_none(tmp_path: Path, content: str, mode: int, code: str) -> None:
    found = record(tmp_path, 1)
    file = Path(found.key_file)
    file.write_bytes(content.encode("latin-1"))
    file.chmod(mode)
    error = refusal(request(1, "", dns=found))
    assert (error.code, error.key) == (code, str(file))


def test_a_key_file_that_is_gone(tmp_path: Path) -> None:
    found = replace(record(tmp_path, 1), key_file=str(tmp_path / "none"))
    assert refusal(request(1, "", dns=found)).code == "key-unreadable"
