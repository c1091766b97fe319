"""`make verify`: the checks of every server once more, without Pulumi and without any change."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flakeship import requests, summary, verify
from flakeship.errors import FlakeshipError
from flakeship.local import serving
from flakeship.requests import CutoverRequest, Evidence, VerifyRequest

Progress = Callable[[str], object]


def recheck(deployment: dict[str, Any], progress: Progress) -> str:
    """Verify every machine that has been verified, as the state says; the tables of all.

    The pinned host keys hold. Raises FlakeshipError with the story of each that does not pass.
    """
    lines, failed = [], []
    for resource in deployment.get("resources") or []:
        try:
            if "::verification-" in resource["urn"]:
                lines += ["", *_verified(resource, progress)]
            elif "::cutover-" in resource["urn"] and "stdin" in resource["inputs"]:
                moved = requests.parse(CutoverRequest, resource["inputs"]["stdin"])
                if checks := serving.again(moved):
                    lines += ["", f"{moved.server} with its data disks", *summary.table(checks)]
        except FlakeshipError as error:
            failed.append(str(error))
    if failed:
        raise FlakeshipError("\n\n".join(failed))
    if not lines:
        raise FlakeshipError("nothing is verified in this stack yet: `make up` sees to that")
    return "\n".join(lines)


def _verified(resource: dict[str, Any], progress: Progress) -> list[str]:
    """Run one verification again, by the verb that has made it."""
    verb, text = resource["inputs"]["create"], resource["inputs"]["stdin"]
    previous = resource["outputs"]["stdout"]
    evidence = requests.parse(Evidence, previous)
    machine = evidence.machine
    if verb == "trial":
        return [machine, "  was a test server and is gone; a new release gets another"]
    if verb == "review":
        # openstacksdk takes its time, which the target `local` does not pay
        verbs = import_module("flakeship.openstack.verbs")
        evidence = verbs.again(text, previous, progress)
    else:
        request = requests.parse(VerifyRequest, text)
        pinned = verify.pinned_keys(previous, machine)
        evidence = verify.verify(request, pinned, progress)
    return [machine, *summary.table(evidence.checks)]
