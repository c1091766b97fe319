"""Nobody is locked out by a checkout with other keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flakeship.config.settings import AnySettings
from flakeship.model.authorized_key import MOST, AuthorizedKey, listed
from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Artifact, Record, Release
from flakeship.release import access
from flakeship.ssh import keys, login_keys, public_key
from flakeship.ssh.keys import OWN_KEY
from flakeship.state.outputs import StackOutputs
from flakeship.system.process import run
from tests.unit.model.test_ledger import release

MACHINE = "web-11111111-abcd"


def new_key(file: str, comment: str) -> str:
    """Make a key pair in a file; its public key."""
    path = Path(file)
    path.parent.mkdir(exist_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path])
    return path.with_suffix(".pub").read_text().strip()


def holding(digit: int, *lines: str) -> Release:
    """A release with these authorized keys."""
    return replace(release(digit), keys=tuple(map(public_key.authorized, lines)))


def outputs(*releases: Release, running: int = 0) -> StackOutputs:
    """A ledger of these releases, newest first, of which one runs."""
    records = [Record(each, Artifact(())) for each in releases]
    return StackOutputs(running={"web": releases[running].name}, ledger=records)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> AnySettings:
    Path("flake").mkdir()
    Path("flake/flake.nix").touch()
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr(login_keys, "DEFAULTS", ())
    return AnySettings(flake="./flake", host="web", servers=[])


def lockout(settings: AnySettings, found: StackOutputs) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        access.authorized_keys(settings, "prod", found)
    assert (caught.value.code, caught.value.key) == ("keys-differ", "stack prod")
    return caught.value


def test_a_new_checkout_makes_no_key_beside_those_in_use(settings: AnySettings) -> None:
    first = new_key("first/id", "first operator")
    error = lockout(settings, outputs(holding(1, first)))
    told = "\n".join(error.details)
    assert f"in use: {public_key.authorized(first)}" in told
    assert "first operator" in told
    assert "here: none" in told
    assert f"[{public_key.fingerprint(first)}]" in told
    assert not OWN_KEY.parent.exists()


@pytest.mark.parametrize("nobody", [StackOutputs(), outputs(release(1))])
def test_a_stack_whose_keys_are_not_known_is_as_ever(
    settings: AnySettings, nobody: StackOutputs
) -> None:
    (made,) = access.authorized_keys(settings, "prod", nobody)
    assert made == OWN_KEY.with_suffix(".pub").read_text().strip()


def test_sets_that_overlap_are_a_rotation(settings: AnySettings) -> None:
    first, second, third = (new_key(f"{name}/id", name) for name in ("a", "b", "c"))
    running = outputs(holding(1, first, second))
    for given in ([second], [second, third], [f"{' '.join(first.split()[:2])} renamed"]):
        wanted = settings.model_copy(update={"authorized_keys": given})
        assert access.authorized_keys(wanted, "prod", running) == given
    other = settings.model_copy(update={"authorized_keys": [third]})
    assert "authorizedKeys" in lockout(other, running).what


def test_all_keys_are_replaced_only_where_each_is_named(settings: AnySettings) -> None:
    first, second, third = (new_key(f"{name}/id", name) for name in ("a", "b", "c"))
    running = outputs(holding(1, first, second))
    named = [public_key.fingerprint(first)]
    asked = settings.model_copy(update={"authorized_keys": [third], "replace_keys": named})
    lockout(asked, running)
    named.append(public_key.fingerprint(second))
    assert access.authorized_keys(asked, "prod", running) == [third]


def test_after_a_rollback_the_keys_of_the_newest_release_count_too(settings: AnySettings) -> None:
    first, second, third = (new_key(f"{name}/id", name) for name in ("a", "b", "c"))
    kept = [holding(3, second), holding(2, first, third), holding(1, first)]
    again = settings.model_copy(update={"authorized_keys": [second]})
    assert access.authorized_keys(again, "prod", outputs(*kept, running=2)) == [second]
    # neither runs nor is the newest: the key was dropped on purpose
    dropped = settings.model_copy(update={"authorized_keys": [third]})
    lockout(dropped, outputs(*kept, running=2))
    lockout(dropped, outputs(*kept))


def test_a_promotion_that_would_lock_out_everybody_is_refused(settings: AnySettings) -> None:
    first, second, third = (new_key(f"{name}/id", name) for name in ("a", "b", "c"))
    running = outputs(holding(1, first, second))
    for promoted in (release(2), holding(2, second), holding(2, third, first)):
        access.refuse_promotion(settings, "prod", running, promoted)
    with pytest.raises(FlakeshipError) as caught:
        access.refuse_promotion(settings, "prod", running, holding(2, third))
    assert (caught.value.code, caught.value.key) == ("keys-differ", "stack prod")
    assert f"promoted: {public_key.authorized(third)}" in "\n".join(caught.value.details)
    lost = [public_key.fingerprint(key) for key in (first, second)]
    asked = settings.model_copy(update={"replace_keys": lost})
    access.refuse_promotion(asked, "prod", running, holding(2, third))


def refused_login(settings: AnySettings, wanted: Release, *, built: bool = False) -> FlakeshipError:
    with pytest.raises(FlakeshipError) as caught:
        access.refuse_no_login(settings, [wanted], built=built)
    return caught.value


@pytest.mark.parametrize("built", [True, False])
def test_a_release_that_no_key_here_logs_in_to_is_refused(
    settings: AnySettings, built: bool
) -> None:
    first, second = (new_key(f"{name}/id", name) for name in ("a", "b"))
    access.refuse_no_login(settings, [release(1)], built=built)  # its keys are not known
    given = settings.model_copy(update={"authorized_keys": [first], "identity": "b/id"})
    error = refused_login(given, holding(1, first), built=built)
    assert (error.code, error.key) == ("identity-not-authorized", "flakeship:identity (b/id)")
    assert f"here: {public_key.fingerprint(second)} (b/id)" in "\n".join(error.details)
    assert ("authorizedKeys" in error.remedy) is not built
    access.refuse_no_login(given, [holding(1, first, second)], built=built)


def test_a_release_of_others_is_refused_where_there_is_no_own_key(settings: AnySettings) -> None:
    first = new_key("a/id", "a")
    error = refused_login(settings, holding(1, first), built=True)
    assert (error.code, error.key) == ("identity-not-authorized", str(OWN_KEY))
    assert not OWN_KEY.exists()
    keys.public_keys([])
    assert refused_login(settings, holding(1, first), built=True).code == error.code


def test_an_agent_without_a_key_of_the_release_is_refused(
    settings: AnySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = new_key("a/id", "a")
    given = settings.model_copy(update={"authorized_keys": [first]})
    assert refused_login(given, holding(1, first)).code == "identity-missing"
    monkeypatch.setenv("SSH_AUTH_SOCK", "/no/agent")
    error = refused_login(given, holding(1, first))
    assert (error.code, error.key) == ("identity-not-authorized", "flakeship:identity (ssh-agent)")
    monkeypatch.setattr(login_keys, "of_agent", lambda: [public_key.fingerprint(first)])
    access.refuse_no_login(given, [holding(1, first)], built=False)


def test_a_machine_is_verified_with_the_key_that_is_here(settings: AnySettings) -> None:
    del settings
    first, _ = new_key("a/id", "a"), new_key("b/id", "b")
    found = outputs(holding(1, first))

    def never() -> str:
        raise AssertionError

    assert access.identity_of(found, MACHINE, "a/id", never) == "a/id"
    for recorded in ("b/id", "/home/first/id", ""):
        assert access.identity_of(found, MACHINE, recorded, lambda: "a/id") == "a/id"
    with pytest.raises(FlakeshipError) as caught:
        access.identity_of(found, MACHINE, "/home/first/id", lambda: "b/id")
    assert caught.value.code == "identity-not-authorized"
    assert str(public_key.authorized(first)) in "\n".join(caught.value.details)
    # nothing is known of its keys, or of its release
    assert access.identity_of(outputs(release(1)), MACHINE, "b/id", never) == "b/id"
    assert access.identity_of(found, "web-22222222-abcd", "b/id", never) == "b/id"


def test_a_login_that_will_be_refused_is_explained(settings: AnySettings) -> None:
    del settings
    first, second = new_key("a/id", "a"), new_key("b/id", "b")
    argv = ["ssh", "-F", "/dev/null", "-o", "IdentitiesOnly=yes", "-o", "IdentityFile=b/id", "web"]
    told = access.missing_key(outputs(holding(1, first)), MACHINE, argv)
    assert public_key.fingerprint(first) in told
    assert public_key.fingerprint(second) in told
    assert access.missing_key(outputs(holding(1, first, second)), MACHINE, argv) == ""
    assert access.missing_key(outputs(release(1)), MACHINE, argv) == ""


def test_an_error_lists_the_first_of_many_keys() -> None:
    many = [AuthorizedKey(f"SHA256:{number:043}") for number in range(MOST + 5)]
    lines = listed("in use", [*many, *many])
    assert len(lines) == MOST + 1
    assert "5 more" in lines[-1]
