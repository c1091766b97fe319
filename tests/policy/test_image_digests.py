"""No image without sha512."""

from __future__ import annotations

import pytest

from policy.image_digests import RULE
from policy.rules import UNKNOWN, Resource
from tests.policy.declared import UNKNOWN_TYPE, resource, told

SHA512, SHA256 = "ab" * 64, "ab" * 32
GLANCE = "flakeship:openstack:GlanceImage"
IMAGE = "openstack:images/image:Image"
DOWNLOAD = "proxmoxve:download/file:File"
FILE = "proxmoxve:index/fileLegacy:FileLegacy"
FAKE = "flakeship:fake:Image"


@pytest.mark.parametrize(
    "pinned",
    [
        resource(GLANCE, file="/nix/store/image.qcow2", sha512=SHA512),
        resource(GLANCE, sha512=UNKNOWN),
        resource("flakeship:local:Machine", image="/nix/store/image.qcow2", sha512=UNKNOWN),
        resource("flakeship:proxmox:Upload", sha512=SHA512),
        resource(FAKE, artifact={"files": [{"path": "/nix/store/i", "sha512": SHA512}]}),
        resource(FAKE, artifact=UNKNOWN),
        resource(IMAGE, imageSourceUrl="https://example.com/i", properties={"sha512": SHA512}),
        resource(IMAGE, properties=UNKNOWN),
        resource(DOWNLOAD, checksum=SHA512, checksumAlgorithm="sha512"),
        resource(DOWNLOAD, checksum=UNKNOWN, checksumAlgorithm=UNKNOWN),
        resource(FILE, contentType="iso", sourceFile={"path": "i", "checksum": SHA256}),
        resource(FILE, contentType="snippets", sourceRaw={"data": "#cloud-config"}),
        resource(UNKNOWN_TYPE),
    ],
)
def test_an_image_with_a_digest_passes(pinned: Resource) -> None:
    assert told(RULE, pinned) == []


@pytest.mark.parametrize(
    "loose",
    [
        resource(GLANCE, file="/nix/store/image.qcow2"),
        resource(GLANCE, sha512=""),
        resource(GLANCE, sha512=SHA256),
        resource(GLANCE, sha512=f"{SHA512} "),
        resource("flakeship:local:Machine", image="/nix/store/image.qcow2"),
        resource("flakeship:proxmox:Upload", sha512="g" * 128),
        resource(FAKE, artifact={"files": [{"sha512": SHA512}, {"path": "/nix/store/i"}]}),
        resource(FAKE, artifact={"files": []}),
        resource(IMAGE, imageSourceUrl="https://example.com/i", verifyChecksum=True),
        resource(IMAGE, properties={"sha512": SHA256}),
        resource(DOWNLOAD, url="https://example.com/i"),
        resource(DOWNLOAD, checksum=SHA512, checksumAlgorithm="sha256"),
        resource(DOWNLOAD, checksum=SHA256, checksumAlgorithm="sha512"),
        resource(FILE, contentType="iso", sourceFile={"path": "debian.iso"}),
        resource(FILE, contentType="import", sourceFile={"checksum": "abc"}),
    ],
)
def test_an_image_without_one_is_told(loose: Resource) -> None:
    (said,) = told(RULE, loose)
    assert said.startswith("extra ")
