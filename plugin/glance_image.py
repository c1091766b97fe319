"""An image file in the image service of an OpenStack cloud."""

from typing import Any, NotRequired, TypedDict

import pulumi

from components.openstack import glance_image


class GlanceImageArgs(TypedDict):
    """The arguments of GlanceImage."""

    file: pulumi.Input[str]
    """The file, such as the `path` of a NixImage with the variant `openstack`."""
    sha512: pulumi.Input[str]
    """Its SHA-512, such as the `sha512` of that NixImage: other bytes are not published."""
    minRam: NotRequired[pulumi.Input[int]]
    """The least memory to boot with, in MiB."""
    properties: NotRequired[pulumi.Input[dict[str, str]]]
    """Glance's properties, such as `hw_firmware_type`."""
    visibility: NotRequired[pulumi.Input[str]]
    """Who may use it: `private`, `shared`, `community` or `public`; `private` without it."""
    cloud: NotRequired[pulumi.Input[str]]
    """A name in clouds.yaml; without it: OS_CLOUD, or the OS_* variables."""


class GlanceImage(pulumi.ComponentResource):
    """An image file in Glance, uploaded and compared in one step; it needs no other plugin.

    It is hidden from lists of images (`os_hidden`), and can be booted by its id.
    """

    image_id: pulumi.Output[str]
    """Its id in Glance."""

    def __init__(
        self,
        name: str,
        args: GlanceImageArgs,
        opts: pulumi.ResourceOptions | None = None,
        found: None = None,  # noqa: ARG002 - nothing has to be prepared
    ) -> None:
        super().__init__("flakeship:index:GlanceImage", name, None, opts)
        asked: Any = {"min_ram" if key == "minRam" else key: it for key, it in args.items()}
        made = glance_image.GlanceImage(name, asked, pulumi.ResourceOptions(parent=self))
        self.image_id = made.image
        self.register_outputs({"imageId": self.image_id})

    @staticmethod
    async def prepare(name: str, args: GlanceImageArgs, stack: str) -> None:
        """Nothing: the cloud is asked when the image is made."""
