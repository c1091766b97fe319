"""The image of a release on a storage with the content `import`: uploaded, compared, removed.

It is no FileLegacy of Pulumi's plugin: that has no checksum that Proxmox VE compares, needs the
image's size once more on this machine's disk, hides the reason of a refusal
(bpg/terraform-provider-proxmox#2047), removes what it has just uploaded again under the same name,
and looks for the local file in every refresh.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from flakeship.model.codec import parse
from flakeship.model.errors import FlakeshipError
from flakeship.nix import image_file
from flakeship.targets.image_gone import image_gone
from flakeship.targets.proxmox.api import client, login, tasks
from flakeship.targets.proxmox.api.answers import Number, Words
from flakeship.targets.proxmox.api.client import Api
from flakeship.targets.proxmox.api.errors import ApiError
from flakeship.targets.proxmox.api.form import Form
from flakeship.targets.proxmox.requests import Uploaded, UploadRequest
from flakeship.targets.upload import Upload

FULL = "No space left on device"
COPIED = 1800.0  # seconds to copy and compare what was uploaded: a slow storage is slow


@dataclass(frozen=True)
class Volume:
    """An entry of a storage's content; its size is in bytes."""

    volid: Words
    size: Annotated[Number, Field(ge=0)] = 0


def upload(request: UploadRequest, previous: str) -> Uploaded:
    """Upload a file, unless the storage has it from `previous`, which this has returned.

    Raises FlakeshipError where the file is gone or has changed, and where Proxmox VE refuses it or
    has other bytes: then nothing of it is left on the storage.
    """
    before = _previous(request, previous)
    with client.connected(login.find(request.access)) as api:
        there = _find(api, request)
        if before and there and (before.sha512, before.size) == (request.sha512, there.size):
            return before
        return _upload(api, request)


def remove(request: UploadRequest, _previous: str) -> None:
    """Remove an uploaded file, if it is there. Raises FlakeshipError."""
    with client.connected(login.find(request.access)) as api:
        if _find(api, request) is not None:
            delete(api, request.node, _volume(request))


def delete(api: Api, node: str, volume: str) -> None:
    """Remove a file from a storage, as a node has it: at the end it is gone. Raises FlakeshipError.

    Pulumi's plugin does not wait for it, and so does not see where it fails.
    """
    storage = volume.partition(":")[0]
    try:
        task = api.call("DELETE", "nodes", node, "storage", storage, "content", volume)
    except ApiError as error:
        if error.gone:
            return
        raise
    if task is not None:  # of what is removed at once
        tasks.finish(api, task, f"the removal of {volume}", COPIED)


def _upload(api: Api, request: UploadRequest) -> Uploaded:
    path = Path(request.file)
    if not path.is_file() or not path.stat().st_size:
        raise image_gone(path, f"image {request.name}")
    kind, _ = image_file.inspect(path)
    image_file.check(path, kind, request.name)
    body = Upload(path, f"image {request.name}")
    fields = {
        "content": "import",
        "checksum-algorithm": "sha512",
        "checksum": request.sha512,
    }
    try:
        place = ("nodes", request.node, "storage", request.storage, "upload")
        task = api.post_form(Form(fields, request.name, body), *place)
        what = f"the import of {request.name} to {request.storage}"
        tasks.finish(api, task, what, COPIED)
        found = _find(api, request)
        if body.sha512 != request.sha512 or found is None or found.size != len(body):
            raise _differs(request, body, found)
    except FlakeshipError as error:
        error.key = f"image {request.name}" if error.key == api.login.endpoint else error.key
        if error.code == "api-unreachable" or FULL in error.what:
            # pveproxy hangs up in the middle of an upload that it cannot write
            error.remedy = (
                f"see whether {request.node} has room for it: `df -h /var/tmp` and `pvesm status` "
                "there; then run it again"
            )
        _discard(api, request)
        raise
    return Uploaded(found.volid, request.sha512, found.size)


def _differs(request: UploadRequest, sent: Upload, found: Volume | None) -> FlakeshipError:
    if sent.sha512 != request.sha512:
        what, remedy = f"{request.file} has changed since it was built", "`nix store verify` it"
    else:
        size = f"{found.size} bytes" if found else "nothing"
        what = f"{request.storage} has {size} of it after the upload of {len(sent)} bytes"
        remedy = f"`pvesm list {request.storage} --content import` on {request.node} shows it"
    return FlakeshipError(
        what, code="image-differs", key=f"image {request.name}", remedy=f"{remedy}; run it again"
    )


def _discard(api: Api, request: UploadRequest) -> None:
    """Remove what a failed upload has left; its reason is what matters."""
    try:
        if _find(api, request) is not None:
            delete(api, request.node, _volume(request))
    except FlakeshipError as error:
        client.log.debug("%s: nothing was removed: %s", request.name, error)


def _find(api: Api, request: UploadRequest) -> Volume | None:
    place = ("nodes", request.node, "storage", request.storage, "content")
    found = api.get(list[Volume], *place, content="import")
    return next((each for each in found if each.volid == _volume(request)), None)


def _volume(request: UploadRequest) -> str:
    return f"{request.storage}:import/{request.name}"


def _previous(request: UploadRequest, previous: str) -> Uploaded | None:
    """What the last upload has returned; None where there was none. Raises FlakeshipError."""
    if not previous.strip():
        return None
    try:
        return parse(Uploaded, previous)
    except ValidationError as error:
        raise FlakeshipError(
            "the result of its upload cannot be read",
            code="upload-unreadable",
            key=f"image {request.name}",
            remedy="make it anew with `pulumi up --replace '**:Upload::*'`",
        ) from error
