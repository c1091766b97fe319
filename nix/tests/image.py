import os
import subprocess
import tempfile

disks = tempfile.TemporaryDirectory()


def boot(node: Machine, image: str, size: str) -> None:
    """Boot a node from a disk of that size with the image on it."""
    disk = f"{disks.name}/{node.name}.qcow2"
    create = ["create", "-f", "qcow2", "-F", "qcow2", "-b", image, disk, size]
    subprocess.run(["qemu-img", *create], check=True)
    os.environ["NIX_DISK_IMAGE"] = disk
    node.start(allow_reboot=True)
    node.connect()
