"""The summary on plain values: what is left out, what is grouped, and what is never cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flakeship.rollout.changes import NO_LONGER_SET, ServerChange, Thing, Use, release_change
from flakeship.rollout.summary import MOST, Summary
from tests.unit.model.test_ledger import KNOWN, release

ADDRESS = Thing("the floating IP 203.0.113.7", "their floating IPs")


def change(server: str, **other: Any) -> ServerChange:
    """A new release for a server whose machines differ from others' in the server's name alone."""
    made = ServerChange(server, f"{server}-2-a", f"{server}-1-a", release="x-1 -> x-2")
    return replace(made, **{"takes": (ADDRESS,), **other})


def planned(*servers: ServerChange) -> list[str]:
    return Summary(servers).planned.splitlines()


def test_a_server_that_nothing_happens_to_is_left_out() -> None:
    same = ServerChange("web", "web-1-a", "web-1-a", standby=("web-0-a",), takes=(ADDRESS,))
    assert Summary([same], [Use("servers", 1, 3, 2)]).planned == ""
    assert Summary([same]).done == ""


@pytest.mark.parametrize(
    "other", [{"gone": ("web-0-a",)}, {"in_place": ("x",)}, {"destroyed": ("x",)}]
)
def test_a_machine_that_stays_may_change(other: dict[str, Any]) -> None:
    same = ServerChange("web", "web-1-a", "web-1-a")
    (line, *_) = planned(replace(same, **other))
    assert line.startswith("web: web-1-a stays")


def test_servers_with_one_story_are_one_line() -> None:
    (line,) = planned(*(change(f"web-{number}") for number in range(1, 17)))
    assert line.startswith("web-1 ... web-16 (16 servers): release x-1 -> x-2; new machines …-2-a")
    assert "their floating IPs" in line
    assert "203.0.113.7" not in line


def test_another_story_is_another_line() -> None:
    servers = [change(f"web-{number}") for number in range(1, 5)]
    told = planned(*servers, change("web-5", rollback=True))
    assert [line.partition(":")[0] for line in told] == ["web-1 ... web-4 (4 servers)", "web-5"]


def test_a_few_servers_have_a_line_each_while_there_is_room() -> None:
    pairs = [change(f"s{number}", size=f"size {number // 2}") for number in range(12)]
    assert [line.partition(":")[0] for line in planned(*pairs[:10])] == [f"s{n}" for n in range(10)]
    assert planned(*pairs)[0].startswith("s0 and s1: ")
    assert len(planned(*pairs)) == 6


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a-1", "a-2", "a-3", "a-4"], "a-1 ... a-4 (4 servers)"),
        (["a-1", "a-2", "a-4", "a-5"], "a-1, a-2, a-4 and 1 more"),
        (["a-1", "b-2", "a-3", "a-4"], "a-1, b-2, a-3 and 1 more"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_how_servers_of_one_line_are_named(names: list[str], shown: str) -> None:
    (line,) = planned(*(change(name) for name in names))
    assert line.partition(":")[0] == shown


def test_there_are_ten_lines_at_most_and_what_is_cut_is_counted() -> None:
    every = [change(f"s{number}", size=f"size {number}") for number in range(40)]
    gone = ServerChange(
        "db",
        before="db-1-a",
        reasons=(NO_LONGER_SET,),
        gone=("db-1-a",),
        destroyed=("data disk pg of db",),
    )
    told = Summary([*every, gone], [Use("servers", 40, 80, 80)]).planned.splitlines()
    assert len(told) == MOST
    assert told[0].startswith("db: no longer in the settings")
    assert [line.partition(":")[0] for line in told[1:7]] == [f"s{n}" for n in range(6)]
    assert told[7:] == [
        "and 34 more servers",
        "! will be destroyed with all data: data disk pg of db",
        "quota used by this stack: servers 40 -> 80",
    ]


def test_destroyed_disks_that_are_not_named_are_counted() -> None:
    disks = tuple(f"disk {number}" for number in range(15))
    gone = ServerChange("db", before="db-1-a", gone=("db-1-a",), destroyed=disks)
    line = planned(gone)[-1]
    assert line.startswith("! ")
    assert "disk 11 and 3 more" in line


def test_only_what_the_quota_feels_is_told() -> None:
    uses = [Use("servers", 2, 3, 2), Use("memory", 1, 2, 2, "MiB"), Use("volumes", 1, 1, 1)]
    *_, line = Summary([change("web")], uses).planned.splitlines()
    assert line == "quota used by this stack: servers 2 (3 during the rollout), memory 1 -> 2 MiB"
    assert len(Summary([change("web")], uses[2:]).planned.splitlines()) == 1


def test_what_is_done_is_told_in_the_same_words() -> None:
    both = Summary([change("web", standby=("web-1-a",), gone=("web-0-a",))])
    words = {"takes": "took", "keeps": "kept", "deleted": "being deleted"}
    text = both.planned
    for now, then in words.items():
        assert now in text
        text = text.replace(now, then)
    assert both.done == text


def test_a_machine_that_is_verified_is_not_verified_again() -> None:
    (line,) = planned(change("web", origin="verified"))
    assert "once verified" not in line
    assert "(verified before and not again; its root disk is kept)" in line
    (line,) = planned(change("web", origin="unverified"))
    assert "once verified" in line


def test_what_earlier_runs_have_left_is_named_where_it_goes() -> None:
    same = ServerChange("web", "web-1-a", "web-1-a", left=("web-2-a",))
    assert Summary([same]).planned == (
        "web: web-1-a stays; web-2-a, left by an earlier run, is deleted with its root disk"
    )
    both = Summary([change("web", gone=("web-0-a",), left=("web-3-a", "web-4-a"))])
    assert "web-0-a is deleted with its root disk, and web-3-a and web-4-a, left" in both.planned
    assert "web-3-a and web-4-a, left by an earlier run, are being deleted" in both.done


def test_a_new_machine_is_told_with_its_own_address_unless_there_are_many() -> None:
    several = [change(f"s{number}", address=f"192.0.2.{number}/24") for number in range(4)]
    (line,) = planned(several[0])
    assert "new machine s0-2-a (with the address 192.0.2.0/24) with a new root disk" in line
    (line,) = planned(*several)
    assert "192.0.2" not in line


def test_a_server_without_an_address_is_verified_too() -> None:
    one, several = Summary([change("a", takes=())]), [change(name, takes=()) for name in "abcd"]
    assert one.planned.endswith("; it is verified")
    assert one.done.endswith("; it was verified")
    assert Summary(several).done.endswith("; they were verified")


def test_a_server_that_has_lost_its_machines_still_gives_its_address_back() -> None:
    (line,) = planned(ServerChange("db", reasons=(NO_LONGER_SET,), released=(ADDRESS,)))
    assert line == f"db: no longer in the settings: {ADDRESS.one} is released"


@pytest.mark.parametrize(
    ("before", "after", "text", "rollback"),
    [
        (3, 3, "", False),
        (3, 1, "web-33333333 -> web-11111111", True),
        (1, 3, "web-11111111 -> web-33333333", False),
        (3, 4, "web-33333333 -> web-44444444", False),
        (5, 1, "web-55555555 -> web-11111111", False),
    ],
)
def test_a_rollback_goes_to_an_older_release_of_the_ledger(
    before: int, after: int, text: str, rollback: bool
) -> None:
    assert release_change(release(before).name, release(after), KNOWN) == (text, rollback)


def test_the_first_release_is_no_change() -> None:
    assert release_change("", release(1), []) == ("web-11111111", False)
