"""What another stack says of its releases is data, and what somebody has seen is what is taken."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flakeship.config.settings import AnySettings
from flakeship.model.errors import FlakeshipError, RefusedError
from flakeship.model.release import Artifact, File, Record
from flakeship.model.statement import Revocation, Statements
from flakeship.release import access
from flakeship.release.desired import Ledger
from flakeship.release.promotion import Promotion, Upstream
from flakeship.state.outputs import StackOutputs
from flakeship.targets import registry
from tests.unit.model.test_ledger import record

NEW, OLD = record(2), record(1)
BEFORE = StackOutputs(running={"web": OLD.name}, ledger=[OLD])


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can log in is another test's."""
    for name in ("refuse_promotion", "refuse_no_login"):
        monkeypatch.setattr(access, name, lambda *_, **__: None)


def promotion(
    *ledger: Record,
    before: StackOutputs = BEFORE,
    statements: Statements | None = None,
    expected: Collection[str] = (),
    **given: Any,
) -> Promotion:
    running = {"web": ledger[0].name}
    return Promotion(
        settings=AnySettings(host="web", servers=[], promote_from="dev", **given),
        stack="prod",
        project="servers",
        target=registry.spec("local"),
        upstream=Upstream("dev", StackOutputs(running=running, ledger=[*ledger])),
        before=before,
        statements=statements or Statements(),
        now=datetime(2026, 11, 28, tzinfo=UTC),
        expected=expected,
    )


def refusal(made: Promotion) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as refused:
        made.releases(["web"])
    return refused.value


def test_what_the_stack_before_runs_is_taken_with_its_bytes() -> None:
    found = promotion(NEW, OLD).releases(["web"])
    assert found.releases == {"web": NEW.release}
    assert found.promoted == [replace(NEW, origin="dev")]


@pytest.mark.parametrize(
    "files",
    [
        (),
        (File("/nix/store/other", 1, "2" * 128),),
        (*NEW.artifact.files, File("/nix/store/more", 1, "3" * 128)),
    ],
)
def test_a_record_has_the_hash_of_each_file_or_is_refused(files: tuple[File, ...]) -> None:
    """Or else a build would be free to have any bytes."""
    assert refusal(promotion(replace(NEW, artifact=Artifact(files)))).code == "record-inconsistent"


def test_under_the_name_of_what_was_verified_here_nothing_else_comes_in() -> None:
    known = StackOutputs(running={"web": OLD.name}, ledger=[OLD, NEW])
    assert promotion(NEW, before=known).releases(["web"]).releases == {"web": NEW.release}
    (file,) = NEW.artifact.files
    other = replace(NEW, artifact=Artifact((replace(file, sha512="9" * 128),)))
    assert refusal(promotion(other, before=known)).code == "release-differs"
    # what else the other state says of it is not taken
    renamed = replace(NEW, release=replace(NEW.release, user="mallory"))
    assert promotion(renamed, before=known).releases(["web"]).releases == {"web": NEW.release}


def test_what_nobody_was_shown_is_not_taken() -> None:
    assert refusal(promotion(NEW, expected=[OLD.name])).code == "promotion-moved"
    assert promotion(NEW, expected=[NEW.name]).releases(["web"]).promoted


def test_a_revoked_release_is_told_before_any_rule_of_the_gate() -> None:
    stated = Statements((Revocation(NEW.name, "loses mail", "me@here", "2026-11-27"),))
    made = promotion(NEW, statements=stated, gate={"checks": ["backup"]})
    assert refusal(made).code == "release-revoked"


def test_all_refusals_are_told() -> None:
    made = promotion(NEW, expected=[OLD.name], gate={"checks": ["backup"]})
    refused = refusal(made)
    assert isinstance(refused, RefusedError)
    assert [each.code for each in refused.problems] == ["promotion-moved", "gate-checks"]


def test_a_release_that_is_chosen_is_of_a_host_that_runs_here() -> None:
    db = replace(NEW, release=replace(NEW.release, host="db"))
    settings = AnySettings(host="web", servers=[], promote_from="dev", release=db.name)
    with pytest.raises(FlakeshipError) as refused:
        Ledger(settings, [OLD], registry.spec("local"), [NEW, db]).releases(["web"])
    assert refused.value.code == "release-of-another-host"
    chosen = settings.model_copy(update={"release": NEW.name})
    assert Ledger(chosen, [OLD], registry.spec("local"), [NEW, db]).releases(["web"]).releases == {}
