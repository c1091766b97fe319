"""Every host in every variant: reachable by key alone, small, and without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from flakeship.model.errors import CommandError
from tests.nix import graph, known
from tests.nix.known import HOSTS, VARIANTS, Evaluations, Known

EXCEPTIONS = {
    # neither makes a pool
    ("zfs", "repart"): "A root on ZFS cannot be made for the variant repart, only for openstack",
    ("zfs", "proxmox-vma"): "A root on ZFS cannot be made for the variant proxmox-vma, only for",
}
"""What a host cannot be, and the message that says why."""

PAIRS = [(h, v) for h in HOSTS for v in VARIANTS if (h, v) not in EXCEPTIONS]

KUBELET, APISERVER, CFSSL = 10250, 6443, 8888
TCP = {
    "web": {80, 443},
    "forge": {80, 443},
    "control-plane": {KUBELET, APISERVER, CFSSL},
    "all-in-one": {KUBELET, APISERVER, CFSSL},
    "worker": {KUBELET},
}
FLANNEL = {8285, 8472}
UDP = {
    "gateway": {51820},
    "control-plane": FLANNEL,
    "all-in-one": FLANNEL,
    "worker": FLANNEL,
}
"""What a host lets in beside SSH."""
ROLES = {"control-plane", "worker", "all-in-one"}
"""A netbooted one only waits to be installed."""

CLOUD_INIT = {"cloud-init", "golden"}
SOURCES = {"base"}
"""A host that builds itself has the source of nixpkgs and the part of nix/ that it is made of."""
ZFS = {"zfs"}
"""A pool grows by itself, without growpart, and GRUB reads its kernels from /boot."""

CLOSURE = {"base": 2500, **dict.fromkeys(ROLES, 2500)}
"""Whose system may weigh more: the source of nixpkgs is in it, or Kubernetes."""
INITRD = {"control-plane": 480, "all-in-one": 480, "worker": 400}
"""Who may take more memory when it is netbooted: Kubernetes' programs are large and pack badly."""

UEFI = {"openstack-uefi", "qemu-uefi", "repart"}
HYBRID = {"openstack-hybrid", "proxmox", "proxmox-vma", "raw"}
EXTENSION = {"raw": "img", "repart": "raw", "proxmox-vma": "vma.zst"}

METADATA = re.compile(
    r"openstack-init|apply-ec2-data|amazon-init|print-host-key|fetch-ec2-metadata"
)


@pytest.fixture(scope="module", params=PAIRS, ids=".".join)
def host(request: pytest.FixtureRequest, evaluations: Evaluations) -> Known:
    """A host in a variant; the next one is evaluated meanwhile."""
    evaluating = evaluations.begin(*request.param)
    for following in PAIRS[PAIRS.index(request.param) + 1 :][:1]:
        evaluations.begin(*following)
    return evaluating.result()


def test_it_evaluates_without_warnings(host: Known) -> None:
    assert host.facts["warnings"] == []
    assert host.facts["assertions"] == []
    assert re.fullmatch(r"\d\d\.\d\d", host.facts["stateVersion"])


def test_its_manifest_is_understood(host: Known) -> None:
    release = host.release
    assert (release.host, release.variant) == (host.host, host.variant)
    assert release.system == "x86_64-linux"
    assert release.memory >= 256
    firmware = "uefi" if host.variant in UEFI else "hybrid" if host.variant in HYBRID else "bios"
    assert release.firmware == firmware
    assert release.version == host.facts["flakeship"]["version"]


def test_the_image_is_among_the_manifests_inputs(host: Known) -> None:
    assert host.release.drv in graph.inputs(host.release_drv)[0]


def test_its_file_has_a_stable_name(host: Known) -> None:
    if host.variant == "netboot":
        assert host.release.files == ("bzImage", "initrd", "netboot.ipxe")
    else:
        extension = EXTENSION.get(host.variant, "qcow2")
        name = f"{host.host}-{host.variant}.{extension}"
        if host.release.format == "raw.zst":
            name += ".zst"
        assert host.release.files == (name,)


def test_nobody_logs_in_but_by_key(host: Known) -> None:
    sshd = host.facts["sshd"]
    assert sshd["enable"]
    assert sshd["PermitRootLogin"] == "no"
    assert not sshd["PasswordAuthentication"]
    assert not sshd["KbdInteractiveAuthentication"]
    assert host.facts["autologin"] is None


def test_no_user_has_a_password(host: Known) -> None:
    users = host.facts["users"]
    assert users["root"]["passwords"]["hashedPassword"] == "!"
    assert users["root"]["keys"] == users["root"]["keyFiles"] == []
    known = {
        f"{name}: {kind}"
        for name, user in users.items()
        for kind, value in user["passwords"].items()
        if value is not None and not value.startswith("!")
    }
    assert known == set()


def test_the_key_of_access_logs_in(host: Known) -> None:
    user = host.facts["users"][host.release.user]
    assert host.facts["keys"] == user["keys"] == [known.KEY]
    assert user["isNormalUser"]
    assert "wheel" in user["extraGroups"]
    assert host.facts["sudoWithoutPassword"]


def test_the_firewall_lets_in_what_is_declared(host: Known) -> None:
    firewall = host.facts["firewall"]
    assert firewall["enable"]
    assert firewall["nftables"]
    assert firewall["allowedTCPPortRanges"] == firewall["allowedUDPPortRanges"] == []
    waits = host.variant == "netboot" and host.host in ROLES
    for kind, ports, always in (("TCP", TCP, {22}), ("UDP", UDP, set())):
        wanted = set() if waits else ports.get(host.host, set())
        assert set(firewall[f"allowed{kind}Ports"]) == wanted | always


def test_the_serial_console_is_the_last(host: Known) -> None:
    consoles = [w for w in host.facts["boot"]["kernelParams"] if w.startswith("console=")]
    assert consoles[-1] == "console=ttyS0,115200"
    assert "console=tty0" in consoles
    assert "announce-host-keys" in host.facts["units"] or host.facts["cloudInit"]


def test_it_starts_again_where_it_finds_no_root(host: Known) -> None:
    boot = host.facts["boot"]
    assert {"panic=10", "boot.panic_on_fail"} <= set(boot["kernelParams"])
    assert boot["guard"] == "reboot-force"


def test_it_boots_from_its_disk(host: Known) -> None:
    boot, files = host.facts["boot"], host.facts["fileSystems"]
    if host.variant == "netboot":
        assert files["/"]["fsType"] == "tmpfs"
        assert not boot["grub"]["enable"]
        assert not boot["growPartition"]
        return
    assert {"virtio_blk", "virtio_pci", "virtio_scsi"} <= set(boot["availableKernelModules"])
    assert ("/boot" in files) == (host.variant in UEFI | HYBRID or host.host in ZFS)
    if host.variant == "repart":
        assert boot["systemdBoot"]
        assert not boot["grub"]["enable"]
        return
    grub = boot["grub"]
    assert grub["enable"]
    assert grub["efiSupport"] == grub["efiInstallAsRemovable"] == (host.variant in UEFI | HYBRID)
    assert grub["devices"] == ["nodev" if host.variant in UEFI else "/dev/vda"]


def test_its_root_grows(host: Known) -> None:
    if host.variant == "netboot":
        return
    root, repart = host.facts["fileSystems"]["/"], host.facts["repart"]
    by_repart = host.variant == "repart"
    assert repart["enable"] == by_repart
    assert [each["Type"] for each in repart["partitions"].values()] == ["root"] * by_repart
    grows = host.host not in ZFS
    assert root["autoResize"] == grows
    assert root["fsType"] == ("ext4" if grows else "zfs")
    assert host.facts["boot"]["growPartition"] == (grows and not by_repart)


def test_no_unit_waits_for_metadata(host: Known) -> None:
    units: list[str] = host.facts["units"]
    assert [unit for unit in units if METADATA.search(unit)] == []
    wanted = host.host in CLOUD_INIT
    assert host.facts["cloudInit"] == wanted
    assert any(unit.startswith("cloud-init") for unit in units) == wanted


def test_only_the_official_cache_is_asked(host: Known) -> None:
    nix: dict[str, Any] = host.facts["nix"]
    assert [each.rstrip("/") for each in nix["substituters"]] == ["https://cache.nixos.org"]
    assert [key.partition(":")[0] for key in nix["trusted"]] == ["cache.nixos.org-1"]
    assert "flakes" in nix["experimental-features"]
    assert nix["users"] == ["root"]


def test_no_channel_no_source_and_no_key_is_in_it(host: Known) -> None:
    """The whole graph of derivations, and every option value that was collected."""
    found = graph.problems(host.release_drv)
    if host.host in SOURCES and host.variant != "netboot":
        kinds = sorted(each.partition(" ")[2] for each in found)
        assert kinds == ["is the source of a flake", "is the source of nixpkgs"]
    else:
        assert found == set()
    assert not host.facts["nix"]["channel"]
    assert not graph.KEY.search(host.environment["facts"].encode())


def test_it_says_which_image_it_is(host: Known) -> None:
    assert host.facts["image"]["id"] == host.host
    assert host.facts["image"]["version"] == host.release.version
    assert "image-json" in host.facts["units"]


def test_it_has_budgets(host: Known) -> None:
    options = host.facts["flakeship"]
    assert options["closureBudget"] <= CLOSURE.get(host.host, 1500)
    if host.variant == "netboot":
        budgets = options["netboot"]["kernelBudget"], options["netboot"]["initrdBudget"]
        assert budgets[0] <= 30
        assert budgets[1] <= INITRD.get(host.host, 300)
        # and the build fails beyond them
        text = graph.inputs(host.release.drv)[2].decode()
        assert re.findall(r"fits \S+ (\d+)000000", text) == [str(each) for each in budgets]


@pytest.mark.parametrize("pair", EXCEPTIONS, ids=".".join)
def test_what_a_host_cannot_be_it_says(pair: tuple[str, str], evaluations: Evaluations) -> None:
    evaluate: Callable[[], Known] = evaluations.begin(*pair).result
    with pytest.raises(CommandError, match=EXCEPTIONS[pair]):
        evaluate()


def test_who_is_in_the_tunnel_does_not_reach_the_metadata(evaluations: Evaluations) -> None:
    gateway = evaluations.begin("gateway", "openstack").result()
    rules = gateway.facts["firewall"]["forward"].splitlines()
    (accepted,) = (i for i, rule in enumerate(rules) if 'iifname { "wg0" }' in rule)
    assert "ip daddr 169.254.0.0/16 drop" in rules[:accepted]
