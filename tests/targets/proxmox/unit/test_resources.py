"""Virtual machines say whose they are by tags, and copies made by hand do not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flakeship.state.stack import Stack
from flakeship.targets.proxmox.resources import (
    VM,
    Marks,
    described,
    description,
    is_of_this_checkout,
    machines,
    marks,
    tags,
    upload_name,
    uploaded,
    written,
)
from tests.conformance.test_spec import modules

FILE = re.compile(r"[a-z0-9_.-]{1,200}\.qcow2")  # what every version of Proxmox VE takes
OWN = Marks(stack="dev", machine="web-3izdly52-1a2b", address="192.0.2.10")
TAG = re.compile(r"[a-z0-9_][a-z0-9_.+-]*")  # what Proxmox VE takes, in its own case


@pytest.mark.parametrize(
    "given",
    [
        Marks(stack="dev", machine="web-3izdly52-1a2b", address="192.0.2.10"),
        Marks(stack="dev", machine="web-3izdly52-1a2b", address="2001:db8::10"),
        Marks(stack="dev", release="web-3izdly52", checkout="0123456789ab", temporary=True),
    ],
)
def test_tags_are_read_back(given: Marks) -> None:
    made = tags(9000, given)
    assert made == sorted(made)
    assert all(TAG.fullmatch(tag) for tag in made)
    assert marks(9000, [*made, "other", "a;b", ""]) == given


def test_a_copy_made_by_hand_is_nobodys() -> None:
    assert marks(100, tags(9000, Marks(stack="dev", machine="web-1-2"))) == Marks()


def test_tags_of_others_say_nothing() -> None:
    for given in (["production"], ["flakeship_stack.dev"], ["flakeship_id"], []):
        assert marks(9000, given) == Marks()


def test_names_that_differ_in_their_case_alone_stay_apart() -> None:
    assert written("dev") == "dev"
    assert written("Dev") != written("DEV") != written("dev")
    assert TAG.fullmatch(written("Dev"))
    made = tags(9000, Marks(stack="Dev", release="Web_1.x-3izdly52"))
    assert marks(9000, [tag.lower() for tag in made]).stack == written("Dev")


def test_a_description_tells_what_tags_do_and_who_made_it() -> None:
    text = description(9001, OWN, template=9000)
    found = described(9001, f"{text}\n\nNotes of a person.\n")
    assert found.template == 9000
    assert is_of_this_checkout(found)
    assert marks(9001, tags(9001, OWN)) == OWN
    assert (found.stack, found.machine, found.address) == (OWN.stack, OWN.machine, OWN.address)


def test_another_checkout_is_told_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = description(9001, OWN)
    name = upload_name("dev", "web-3izdly52")
    monkeypatch.chdir(tmp_path)
    assert described(9001, text).stack == "dev"
    assert not is_of_this_checkout(described(9001, text))
    assert uploaded("dev", name).release == "web-3izdly52"
    assert not is_of_this_checkout(uploaded("dev", name))


@pytest.mark.parametrize("text", ["", "notes", "flakeship_stack.dev", "flakeship_id.9001x"])
def test_other_descriptions_say_nothing(text: str) -> None:
    assert described(9001, text) == Marks()
    assert not is_of_this_checkout(Marks())


def test_the_description_of_a_copy_says_nothing() -> None:
    assert described(100, description(9001, OWN)) == Marks()


@pytest.mark.parametrize("stack", ["dev", "Dev", "a-b", "s" * 100, "1.x_y"])
@pytest.mark.parametrize("release", ["web-3izdly52", "Web_1.x-3izdly52", f"{'h' * 63}-3izdly52"])
def test_the_name_of_an_upload_is_read_back(stack: str, release: str) -> None:
    name = upload_name(stack, release)
    assert FILE.fullmatch(name)
    found = uploaded(stack, name)
    assert (found.stack, found.release) == (written(stack), written(release))
    assert is_of_this_checkout(found)
    assert uploaded(f"{stack}x", name) == Marks()


def test_uploads_of_stacks_whose_names_begin_alike_stay_apart() -> None:
    name = upload_name("a-b", "web-3izdly52")
    assert uploaded("a", name) == Marks()
    assert upload_name("a", "b-web-3izdly52") != name
    longer = [upload_name("s" * 90 + end, "web-3izdly52") for end in ("x", "y")]
    assert uploaded("s" * 90 + "x", longer[1]) == Marks()


@pytest.mark.parametrize(
    "name",
    [
        "debian.qcow2",
        "flakeship-dev-web-3izdly52.qcow2",
        "flakeship-dev-web-3izdly52-00000000.qcow2",
        f"x{upload_name('dev', 'web-3izdly52')}",
        upload_name("dev", "web-3izdly52").replace("3", "4", 1),
    ],
)
def test_files_of_others_are_nobodys(name: str) -> None:
    assert uploaded("dev", name) == Marks()


def test_the_machines_of_a_state_are_found_by_their_own_ids() -> None:
    found = [
        {
            "urn": f"urn:pulumi:dev::flakeship::{VM}::server-{name}-{vmid}",
            "type": VM,
            "id": vmid,
            "inputs": {"vmId": int(vmid)},
        }
        for name, vmid in (("web-3izdly52-1a2b", "9001"), ("api-3izdly52-9001", "9002"))
    ]
    made = machines(Stack("dev", {"resources": found}))
    assert {name: each.id for name, each in made.items()} == {
        "web-3izdly52-1a2b": "9001",
        "api-3izdly52-9001": "9002",
    }


def test_what_resources_are_made_with_is_imported_before_one_is() -> None:
    found = modules(
        "from flakeship.targets import registry; registry.spec('proxmox').preload('operations')"
    )
    own = "flakeship.targets.proxmox"
    needed = ("uploads", "ownership", "proof", "guest.verify_machine", "cutover.cutover")
    assert {f"{own}.{name}" for name in needed} <= found
