"""The ledger keeps what can be rolled back to, and only good releases push one out."""

from __future__ import annotations

import dataclasses

import pytest

from flakeship.model import ledger
from flakeship.model.authorized_key import AuthorizedKey
from flakeship.model.errors import FlakeshipError
from flakeship.model.evidence import CheckResult, Evidence
from flakeship.model.release import Artifact, File, Record, Release


def release(digit: int, revision: str = "") -> Release:
    return Release(
        host="web",
        variant="qemu",
        drv=f"/nix/store/{'d' * 32}-image.drv",
        out=f"/nix/store/{str(digit) * 32}-image",
        files=("image.qcow2",),
        format="qcow2",
        toplevel=f"/nix/store/{'t' * 32}-system",
        version="1",
        system="x86_64-linux",
        disk=512,
        memory=256,
        user="nixos",
        revision=revision,
    )


def record(digit: int) -> Record:
    return verified(release(digit), str(digit), 1000 + digit)


def verified(made: Release, digit: str, size: int = 1, disk: int = 0) -> Record:
    """The record of a release whose one file has a hash of this digit alone."""
    return Record(made, Artifact((File(made.paths[0], size, digit * 128),), disk))


KNOWN = [record(3), record(2), record(1)]


def names(records: list[Record]) -> list[str]:
    return [record.name[-1] for record in records]


def test_the_name_is_known_before_the_build() -> None:
    assert release(7).name == "web-77777777"
    assert release(7).paths == [f"/nix/store/{'7' * 32}-image/image.qcow2"]


def test_one_image_is_not_asked_of_several_files() -> None:
    several = Artifact((File("/nix/store/x/kernel", 5, "ab"), File("/nix/store/x/initrd", 6, "cd")))
    with pytest.raises(FlakeshipError, match="2 files, not one image: /nix/store/x/kernel, "):
        _ = several.image


@pytest.mark.parametrize(("keep", "kept"), [(1, ""), (2, "3"), (3, "32"), (9, "321")])
def test_keep_counts_the_wanted_release(keep: int, kept: str) -> None:
    others = ledger.older(KNOWN, {"web": release(4)}, keep, ())
    assert "".join(names(others)) == kept
    updated = ledger.updated(KNOWN, [record(4)], others, ())
    assert "".join(names(updated)) == f"4{kept}"


@pytest.mark.parametrize(("keep", "kept"), [(1, "31"), (2, "321"), (3, "321")])
def test_a_chosen_release_costs_no_place_and_keeps_its_own(keep: int, kept: str) -> None:
    others = ledger.older(KNOWN, {"web": release(1)}, keep, {"web"})
    updated = ledger.updated(KNOWN, [record(1)], others, {"web"})
    assert "".join(names(updated)) == kept


def test_a_known_release_that_is_wanted_again_comes_first_with_its_own_record() -> None:
    again = verified(release(2, revision="new"), "2", 1002)
    others = ledger.older(KNOWN, {"web": again.release}, 3, ())
    updated = ledger.updated(KNOWN, [again], others, ())
    assert names(updated) == ["2", "3", "1"]
    assert updated[0] == record(2)


def test_the_same_release_changes_nothing_with_a_new_commit() -> None:
    same = dataclasses.replace(record(3), release=release(3, revision="another"))
    others = ledger.older(KNOWN, {"web": same.release}, 3, ())
    assert ledger.updated(KNOWN, [same], others, ()) == KNOWN


def test_a_wrong_name_lists_the_ledger() -> None:
    assert ledger.choose(KNOWN, "web-22222222") == record(2)
    with pytest.raises(FlakeshipError) as caught:
        ledger.choose(KNOWN, "web-22222223")
    error = caught.value
    assert (error.code, error.key) == ("release-not-in-ledger", "flakeship:release")
    assert error.allowed == "web-33333333, web-22222222, web-11111111"
    assert error.remedy == "did you mean web-22222222?"


def test_an_empty_ledger_has_nothing_to_choose() -> None:
    with pytest.raises(FlakeshipError, match="no release is verified yet"):
        ledger.choose([], "web-1")


def test_every_host_keeps_its_own_releases() -> None:
    """The second host's records stand between the first one's, as they were verified."""

    def of_db(digit: int) -> Record:
        made = dataclasses.replace(release(digit), host="db")
        return dataclasses.replace(record(digit), release=made)

    mixed = [record(3), of_db(6), record(2), record(1), of_db(5)]
    others = ledger.older(mixed, {"web": release(4), "db": of_db(5).release}, 2, {"db"})
    assert others == [record(3), of_db(6)]
    updated = ledger.updated(mixed, [record(4), of_db(5)], others, {"db"})
    assert updated == [record(4), record(3), of_db(6), of_db(5)]
    assert ledger.older(mixed, {"db": of_db(6).release}, 3, ()) == [of_db(5)]


def evidence(machine: str, at: str, *checks: str) -> Evidence:
    return Evidence(machine, 1, [], 1.0, [CheckResult(name, True, 1, "") for name in checks], at)


def test_a_record_has_the_time_and_the_checks_of_its_own_machines() -> None:
    made = ledger.record(
        release(4),
        Artifact(()),
        [
            evidence("web-44444444-aaaa", "2026-11-28T10:00:00Z", "ssh", "greeting"),
            evidence("api-44444444-aaaa", "2026-11-28T11:00:00Z", "ssh"),
            evidence("db-55555555-aaaa", "2026-11-28T12:00:00Z", "backup"),
        ],
    )
    assert (made.at, made.checks) == ("2026-11-28T11:00:00Z", ("greeting", "ssh"))
    # of the slowest one
    assert (made.ssh_seconds, made.check_seconds) == (1.0, 0.002)


def test_a_later_verification_does_not_date_a_record_anew() -> None:
    first = dataclasses.replace(record(3), at="2026-11-28T10:00:00Z", checks=("ssh",))
    again = dataclasses.replace(first, at="2026-11-29T10:00:00Z", checks=("web",), ssh_seconds=2.0)
    assert ledger.updated([first], [again], [], ()) == [first]
    undated = dataclasses.replace(record(3), origin="dev")
    assert ledger.updated([undated], [again], [], ()) == [dataclasses.replace(again, origin="dev")]
    assert ledger.updated([record(3)], [again], [], ()) == [again]


def test_a_record_of_an_older_version_gets_the_keys_and_nothing_else() -> None:
    keys = (AuthorizedKey("SHA256:" + "A" * 43, "me"),)
    again = dataclasses.replace(record(3), release=release(3, "new"))
    again = dataclasses.replace(again, release=dataclasses.replace(again.release, keys=keys))
    (found, *others) = ledger.updated(KNOWN, [again], KNOWN[1:], ())
    assert found.release == dataclasses.replace(release(3), keys=keys)
    assert others == KNOWN[1:]
    other = dataclasses.replace(again, release=release(3))
    assert ledger.updated([found], [other], [], ()) == [found]
