"""`make verify`: the checks of every server once more, without Pulumi and without any change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flakeship import requests, summary, verify
from flakeship.errors import FlakeshipError
from flakeship.local import serving
from flakeship.requests import CutoverRequest, VerifyRequest


def recheck(deployment: dict[str, Any], progress: Callable[[str], object]) -> str:
    """Verify every machine that has been verified, as the state says; the tables of all.

    The pinned host keys hold. Raises FlakeshipError with the story of each that does not pass.
    """
    lines, failed = [], []
    for resource in deployment.get("resources") or []:
        try:
            if "::verification-" in resource["urn"]:
                request = requests.parse(VerifyRequest, resource["inputs"]["stdin"])
                pinned = verify.pinned_keys(resource["outputs"]["stdout"], request.machine)
                evidence = verify.verify(request, pinned, progress)
                lines += ["", request.machine, *summary.table(evidence.checks)]
            elif "::cutover-" in resource["urn"]:
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
