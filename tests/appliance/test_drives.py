"""What the appliance takes from a drive, which a cloud or a hypervisor gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.proxmox import cloudinit
from dev.proxmox.machines import Machine
from tests.appliance.root import Root

MAC = "bc:24:11:0a:0b:0c"
CARD = {"name": "web", "net0": f"virtio={MAC.upper()},bridge=vmbr0"}
SERVERS = {"nameserver": "198.18.2.1 fd00::1", "searchdomain": "example.org"}
RESOLV_CONF = "nameserver 198.18.2.1\nnameserver fd00::1\nsearch example.org\n"
STATIC = CARD | SERVERS | {"ipconfig0": "ip=198.18.2.10/24,gw=198.18.2.1"}


@pytest.fixture
def root(tmp_path: Path) -> Root:
    made = Root(tmp_path)
    made.write("sys/class/net/lo/address", "00:00:00:00:00:00\n")
    made.write("sys/class/net/eth0/address", f"{MAC}\n")
    for name in ("drive", "names", "keys"):
        made.program(f"usr/lib/appliance/{name}")
    for name in ("hostname", "umount"):
        made.program(name)
    return made


def no_cloud(root: Root, network: str, user: str = "", meta: str = "") -> dict[str, str]:
    """What is left in /run/no-cloud of a drive with these files."""
    files = {"network-config": network, "user-data": user, "meta-data": meta}
    for name, text in files.items():
        root.write(f"run/drive/{name}", text)
    assert root.run("lib/no-cloud.sh").code == 0
    return {file.name: file.read_text() for file in root.path.glob("run/no-cloud/*")}


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (STATIC, {"eth0": "address 198.18.2.10/255.255.255.0\ngateway 198.18.2.1\n",
                  "resolv.conf": RESOLV_CONF}),
        (CARD | SERVERS | {"ipconfig0": "ip=dhcp"}, {"resolv.conf": RESOLV_CONF}),
        (CARD, {}),
        (CARD | {"ipconfig0": "ip=dhcp,ip6=fd00::5/64,gw6=fd00::1"},
         {"eth0": "address fd00::5/64\ngateway fd00::1\n"}),
        (CARD | {"ipconfig0": "ip=198.18.2.10/24,ip6=auto"},
         {"eth0": "address 198.18.2.10/255.255.255.0\n"}),
        ({"net0": "virtio=BC:24:11:00:00:00,bridge=vmbr0", "ipconfig0": "ip=198.18.2.10/24"}, {}),
    ],
    ids=["static", "dhcp", "nothing", "static IPv6", "no gateway", "another card"],
)  # fmt: skip
def test_the_network_of_a_drive_of_proxmox_ve(
    root: Root, config: dict[str, str], found: dict[str, str]
) -> None:
    assert no_cloud(root, cloudinit.network_config(Machine("pve", 100, config))) == found


def test_every_card_has_its_own_address(root: Root) -> None:
    root.write("sys/class/net/eth1/address", "bc:24:11:00:00:01\n")
    second = {"net1": "virtio=BC:24:11:00:00:01,bridge=vmbr0", "ipconfig1": "ip=10.0.0.5/8"}
    found = no_cloud(root, cloudinit.network_config(Machine("pve", 100, STATIC | second)))
    assert found["eth0"] == "address 198.18.2.10/255.255.255.0\ngateway 198.18.2.1\n"
    assert found["eth1"] == "address 10.0.0.5/255.0.0.0\n"


def test_name_and_keys_of_a_drive_of_proxmox_ve(root: Root) -> None:
    keys = "ssh-ed25519%20AAAA%20me%0Aecdsa-sha2-nistp256%20BBBB"
    machine = Machine("pve", 100, STATIC | {"sshkeys": keys})
    no_cloud(root, "", cloudinit.user_data(machine), cloudinit.meta_data(machine))
    assert "hostname web" in root.calls
    kept = (root.path / "var/lib/config-drive/keys").read_text()
    assert kept == "ssh-ed25519 AAAA me\necdsa-sha2-nistp256 BBBB\n"
    assert [call.split()[0] for call in root.calls[-3:]] == ["names", "keys", "umount"]


def test_without_a_drive_nothing_is_set(root: Root) -> None:
    root.program("usr/lib/appliance/drive", code=1)
    assert root.run("lib/no-cloud.sh").code == 0
    assert root.calls == ["drive cidata"]
    assert not (root.path / "run/no-cloud").exists()


def test_in_openstack_the_network_waits_for_no_drive(root: Root) -> None:
    root.write("sys/class/dmi/id/sys_vendor", "OpenStack Foundation\n")
    assert root.run("lib/no-cloud.sh").code == 0
    assert root.calls == []


def test_a_machine_has_one_drive(root: Root) -> None:
    assert root.run("lib/config-drive.sh").code == 0
    (root.path / "run/no-cloud").mkdir()
    assert root.run("lib/config-drive.sh").code == 0
    assert [call for call in root.calls if call.startswith("drive")] == ["drive config-2"]


@pytest.mark.parametrize(
    ("files", "loaded"),
    [
        ({"bus/pci/devices/1/class": "0x010180\n"}, []),
        (
            {"bus/pci/devices/1/class": "0x010180\n", "class/dmi/id/product_uuid": "1\n"},
            ["ata_piix"],
        ),
        (
            {
                "bus/pci/devices/0/class": "0x060000\n",
                "bus/pci/devices/1/class": "0x010601\n",
                "bus/scsi/devices/0:0:1:0/type": "5\n",
                "class/dmi/id/product_uuid": "1\n",
            },
            ["ahci", "sr_mod"],
        ),
        (
            {"bus/scsi/devices/0:0:1:0/type": "0\n", "class/dmi/id/product_uuid": "1\n"},
            [],
        ),
    ],
    ids=["plain QEMU", "no CD-ROM", "a CD-ROM", "a disk"],
)
def test_only_a_machine_with_an_id_is_asked_for_a_drive(
    root: Root, files: dict[str, str], loaded: list[str]
) -> None:
    """It takes an emulated processor half a second to ask an IDE controller."""
    for file, text in files.items():
        root.write(f"sys/{file}", text)
    root.program("blkid", code=2)
    root.program("modprobe")
    assert root.run("lib/drive.sh", "cidata").code == 1
    assert [call.split()[1] for call in root.calls if call.startswith("modprobe")] == loaded
