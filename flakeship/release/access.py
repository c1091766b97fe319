"""Who can log in to the machines of a release: refusals before anybody is locked out.

Authorized keys are part of an image. A checkout with other keys than those that a stack uses would
replace every server by one that its operators cannot log in to.
"""

from __future__ import annotations

from collections.abc import Iterable

from flakeship.config.settings import AnySettings
from flakeship.model.authorized_key import AuthorizedKey, listed
from flakeship.model.errors import FlakeshipError
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
    return _all(record.release for record in outputs.ledger if record.name in names)


def refuse_lockout(settings: AnySettings, stack: str, outputs: StackOutputs) -> None:
    """Refuse to evaluate with keys of which the stack uses none. Makes no key.

    Raises FlakeshipError (keys-differ) unless `replaceKeys` has all that the stack uses.
    """
    used = in_use(outputs)
    if not used or {each.fingerprint for each in used} <= set(settings.replace_keys):
        return
    here = [*map(public_key.authorized, keys.existing(settings.authorized_keys))]
    if {each.fingerprint for each in used} & {each.fingerprint for each in here}:
        return
    whose = "flakeship:authorizedKeys has" if settings.authorized_keys else "this checkout has"
    fingerprints = ", ".join(each.fingerprint for each in used)
    raise FlakeshipError(
        f"{whose} none of the keys that may log in to its servers, so a release from here would "
        "lock out their owners",
        code="keys-differ",
        key=f"stack {stack}",
        remedy=f"use one of these keys ({GUIDE})",
        details=[
            *listed("in use", used),
            *listed("here", here),
            f"  one operator: copy {OWN_KEY} and {OWN_KEY}.pub from the checkout that has that key",
            "  several: list the public keys of all in flakeship:authorizedKeys, one in use among "
            "them",
            f"  the keys in use are lost: set flakeship:replaceKeys to [{fingerprints}]",
        ],
    )


def refuse_no_login(settings: AnySettings, releases: Iterable[Release], *, built: bool) -> None:
    """Refuse releases that the checks cannot log in to; `built` are those of the ledger.

    Raises FlakeshipError: identity-not-authorized, and as keys.identity and login_keys.offered.
    """
    asked = [release for release in releases if release.keys]
    if not asked:
        return
    identity = keys.identity(settings.identity, settings.authorized_keys)
    own = identity == str(OWN_KEY)
    offered = {} if own and not OWN_KEY.exists() else login_keys.offered(identity)
    for release in asked:
        if offered.keys() & {key.fingerprint for key in release.keys}:
            continue
        remedy = "name the private key of one of them in flakeship:identity, or "
        remedy += (
            f"copy {OWN_KEY} of the checkout that built it"
            if built
            else "list the public key of yours in flakeship:authorizedKeys"
        )
        raise FlakeshipError(
            f"cannot log in to the release {release.name}, whose image has other keys ({GUIDE})",
            code="identity-not-authorized",
            key=identity if own else f"flakeship:identity ({identity or login_keys.AGENT})",
            remedy=remedy,
            details=[
                *listed("authorized", release.keys),
                *listed("here", [AuthorizedKey(each, at) for each, at in offered.items()]),
            ],
        )


def _all(releases: Iterable[Release]) -> list[AuthorizedKey]:
    return [*dict.fromkeys(key for release in releases for key in release.keys)]
