"""Who can log in to the machines of a release: refusals before anybody is locked out.

Authorized keys are part of an image. A checkout with other keys than those that a stack uses would
replace every server by one that its operators cannot log in to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from flakeship.config.settings import AnySettings
from flakeship.model.authorized_key import AuthorizedKey, listed
from flakeship.model.errors import FlakeshipError
from flakeship.model.flake import is_file
from flakeship.model.machine import MachineId
from flakeship.model.release import Release
from flakeship.ssh import keys, login_keys, public_key
from flakeship.ssh.keys import OWN_KEY
from flakeship.state.outputs import StackOutputs

GUIDE = "docs/how-to/team-keys.md"


def in_use(outputs: StackOutputs) -> list[AuthorizedKey]:
    """The keys of what runs and, where an older release is chosen, those of its host's newest."""
    running = set(outputs.running.values())
    newest = {record.release.host: record.name for record in reversed(outputs.ledger)}
    names = running | {name for host, name in newest.items() if host in outputs.running}
    used = (record.release.keys for record in outputs.ledger if record.name in names)
    return [*dict.fromkeys(key for each in used for key in each)]


def authorized_keys(settings: AnySettings, stack: str, outputs: StackOutputs) -> list[str]:
    """The public keys of every image, among them one that the stack uses.

    Raises FlakeshipError as keys.public_keys, and keys-differ where there is none and `replaceKeys`
    does not have all that are in use: then no key is made either.
    """
    given = settings.authorized_keys
    here = keys.existing(given)
    found = [*map(public_key.authorized, here)]
    if used := _locked_out(settings, outputs, found):
        whose = "flakeship:authorizedKeys has" if given else "this checkout has"
        raise FlakeshipError(
            f"{whose} none of the keys that log in to its servers: a release from here would lock "
            "out their owners",
            code="keys-differ",
            key=f"stack {stack}",
            remedy=f"use one of these keys ({GUIDE})",
            details=[
                *listed("in use", used),
                *listed("here", found),
                f"  for one operator: copy {OWN_KEY} from the checkout that has such a key",
                "  for several: list the public keys of all in flakeship:authorizedKeys",
                f"  if the keys are lost: {_replacing(used)}",
            ],
        )
    return here or keys.public_keys(given)


def refuse_promotion(
    settings: AnySettings, stack: str, outputs: StackOutputs, release: Release
) -> None:
    """Refuse another stack's release whose image has none of the keys that this stack uses.

    Raises FlakeshipError (keys-differ) unless `replaceKeys` has them all.
    """
    if release.keys and (used := _locked_out(settings, outputs, release.keys)):
        raise FlakeshipError(
            f"{release.name} has none of the keys that log in to its servers: to promote it would "
            "lock out their owners",
            code="keys-differ",
            key=f"stack {stack}",
            remedy=f"promote a release that was built with one of these keys too ({GUIDE})",
            details=[
                *listed("in use", used),
                *listed("promoted", release.keys),
                f"  if the keys are lost: {_replacing(used)}",
            ],
        )


def _locked_out(
    settings: AnySettings, outputs: StackOutputs, wanted: Sequence[AuthorizedKey]
) -> list[AuthorizedKey]:
    """The keys in use, where none of them is wanted and not all of them are to be replaced."""
    used = in_use(outputs)
    names = {key.fingerprint for key in used}
    kept = names & {key.fingerprint for key in wanted}
    return [] if kept or names <= set(settings.replace_keys) else used


def _replacing(used: Sequence[AuthorizedKey]) -> str:
    names = dict.fromkeys(key.fingerprint for key in used)
    return f"set flakeship:replaceKeys to [{', '.join(names)}]"


def refuse_no_login(settings: AnySettings, releases: Iterable[Release], *, built: bool) -> None:
    """Refuse releases that the checks cannot log in to; `built` are those of the ledger.

    Raises FlakeshipError: identity-not-authorized, and as keys.identity and login_keys.offered.
    """
    asked = [release for release in releases if release.keys]
    if not asked:
        return
    identity = keys.identity(settings.identity, settings.authorized_keys)
    offered = _offered(identity)
    for release in asked:
        if not _lets_in(release, offered):
            yours = "" if built else ", or list your public key in flakeship:authorizedKeys"
            raise _no_login(release, identity, offered, yours)


def identity_of(outputs: StackOutputs, machine: str, recorded: str, own: Callable[[], str]) -> str:
    """The private key file for a machine that was verified: as it is recorded, or else our own.

    `own` is that of the settings. Raises FlakeshipError (identity-not-authorized) where the machine
    is known to let in neither.
    """
    release = release_of(outputs, machine)
    if release is None or not release.keys:
        return recorded
    if is_file(recorded) and _lets_in(release, _offered(recorded)):
        return recorded
    identity = own()
    offered = _offered(identity)
    if not _lets_in(release, offered):
        raise _no_login(release, identity, offered)
    return identity


def missing_key(outputs: StackOutputs, machine: str, login: Sequence[str]) -> str:
    """What a person should know before a login that a machine will refuse; empty: nothing."""
    release = release_of(outputs, machine)
    if release is None or not release.keys:
        return ""
    offered = login_keys.of_login(login)
    if _lets_in(release, offered):
        return ""
    return "\n".join(
        [f"{machine}: this login has none of the keys of its image", *_both(release, offered)]
    )


def release_of(outputs: StackOutputs, machine: str) -> Release | None:
    """The release of a machine by its id; None where the ledger has it no more."""
    parsed = MachineId.parse(machine)
    releases = (record.release for record in outputs.ledger)
    return next((each for each in releases if parsed.runs(each)), None)


def _offered(identity: str) -> dict[str, str]:
    missing = identity == str(OWN_KEY) and not OWN_KEY.exists()
    return {} if missing else login_keys.offered(identity)


def _lets_in(release: Release, offered: Mapping[str, str]) -> bool:
    return any(key.fingerprint in offered for key in release.keys)


def _no_login(
    release: Release, identity: str, offered: Mapping[str, str], otherwise: str = ""
) -> FlakeshipError:
    own = identity == str(OWN_KEY)
    if own:
        remedy = "copy it from the checkout that built the release, or name the private key of one "
        remedy += "of them in flakeship:identity"
    elif identity:
        remedy = "name the private key of one of them"
    else:
        remedy = "load the private key of one of them into the agent, or name it here"
    return FlakeshipError(
        f"cannot log in to the release {release.name}, whose image has other keys ({GUIDE})",
        code="identity-not-authorized",
        key=identity if own else f"flakeship:identity ({identity or login_keys.AGENT})",
        remedy=remedy + otherwise,
        details=_both(release, offered),
    )


def _both(release: Release, offered: Mapping[str, str]) -> list[str]:
    here = [AuthorizedKey(fingerprint, place) for fingerprint, place in offered.items()]
    return [*listed("authorized", release.keys), *listed("here", here)]
