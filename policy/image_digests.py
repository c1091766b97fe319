"""No image without sha512: what boots is what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .rules import UNKNOWN, Config, Resource, Rule, at, items

SHA512, SHA256 = re.compile("[0-9a-fA-F]{128}"), re.compile("[0-9a-fA-F]{64}")
OWN = {
    "flakeship:local:Machine",
    "flakeship:openstack:GlanceImage",
    "flakeship:proxmox:Upload",
}
FAKE = "flakeship:fake:Image"
GLANCE = "openstack:images/image:Image"
DOWNLOADS = {"proxmoxve:download/file:File", "proxmoxve:download/fileLegacy:FileLegacy"}
FILE = "proxmoxve:index/fileLegacy:FileLegacy"
BOOTED = {"import", "iso", "vztmpl"}


def check(resource: Resource, _config: Config) -> Iterator[str]:
    """Tell each image whose bytes nothing pins. What a build gives is only known by an update."""
    props, name = resource.props, resource.name
    if resource.type in OWN and not _is(props.get("sha512"), SHA512):
        yield f"{name} has no `sha512` of its image: give the digest of the file, in hexadecimal."
    if resource.type == FAKE:
        files = at(props, "artifact", "files")
        digests = [files] if files is UNKNOWN else [at(each, "sha512") for each in items(files)]
        if not digests or not all(_is(each, SHA512) for each in digests):
            yield f"{name} has files without `sha512`: give the digest of each, in hexadecimal."
    if resource.type == GLANCE and not _is(at(props, "properties", "sha512"), SHA512):
        yield (
            f"{name} has no sha512 in `properties`. Publish it as GlanceImage of Flakeship, which "
            "compares the bytes, or say which they are by a property sha512: Pulumi's resource "
            "compares at most an MD5."
        )
    if resource.type in DOWNLOADS:
        algorithm = props.get("checksumAlgorithm")
        if algorithm not in ("sha512", UNKNOWN) or not _is(props.get("checksum"), SHA512):
            yield f"{name} is not pinned: give `checksum`, and sha512 as `checksumAlgorithm`."
    booted = resource.type == FILE and props.get("contentType") in BOOTED
    if booted and not _is(at(props, "sourceFile", "checksum"), SHA256):  # it takes no other
        yield (
            f"{name} is not pinned: give `sourceFile.checksum`, its SHA-256, or use download.File "
            "with a sha512."
        )


def _is(digest: object, kind: re.Pattern[str]) -> bool:
    return digest is UNKNOWN or (isinstance(digest, str) and bool(kind.fullmatch(digest)))


RULE = Rule("image-sha512", "Every image is pinned by the digest of its bytes.", check)
