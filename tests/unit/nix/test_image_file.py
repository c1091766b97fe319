"""What a flake builds is a regular file below its output, of the declared format, and whole."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from flakeship.model.errors import FlakeshipError
from flakeship.nix import image_file
from flakeship.system.process import run

GIB = 2**30


def qcow2_header(
    version: int = 3,
    *,
    backing: int = 0,
    size: int = GIB,
    encryption: int = 0,
    features: int = 0,
) -> bytes:
    """The header of an image, as QEMU's interop/qcow2.txt has it."""
    first = (b"QFI\xfb", version, backing, 9 if backing else 0, 16, size, encryption)
    rest = struct.pack(">IQQIIQ", 1, 3 * 65536, 65536, 1, 0, 0)
    head = struct.pack(">4sIQIIQI", *first) + rest
    return (head + struct.pack(">QQQII", features, 0, 0, 4, 104)).ljust(512, b"\0")


def mbr(*marks: tuple[int, bytes]) -> bytes:
    """A raw disk of 4 KiB with a boot sector and these marks."""
    disk = bytearray(4096)
    disk[510:512] = b"\x55\xaa"
    for place, mark in marks:
        start = place if place >= 0 else len(disk) + place
        disk[start : start + len(mark)] = mark
    return bytes(disk)


GOOD: dict[str, tuple[bytes, str]] = {
    "qcow2": (qcow2_header(), "qcow2"),
    "qcow2 of version 2": (qcow2_header(2), "qcow2"),
    "compressed by zstd": (qcow2_header(features=8), "qcow2"),
    "closed while it was written": (qcow2_header(features=1), "qcow2"),
    "raw": (mbr(), "raw"),
    "a small raw": (b"\xf4" * 10, "raw"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(100), "raw.zst"),
    "vma": (b"\x28\xb5\x2f\xfd" + bytes(100), "vma.zst"),
    "a kernel": (b"MZ" + bytes(100), "netboot"),
}
BAD: dict[str, tuple[bytes, str, str]] = {
    "a backing file": (qcow2_header(backing=4096), "qcow2", "image-refers"),
    "a backing file in version 2": (qcow2_header(2, backing=512), "qcow2", "image-refers"),
    "an external data file": (qcow2_header(features=4), "qcow2", "image-refers"),
    "an external data file among others": (qcow2_header(features=0x1D), "qcow2", "image-refers"),
    "an unknown feature": (qcow2_header(features=1 << 40), "qcow2", "image-unusable"),
    "corrupt": (qcow2_header(features=2), "qcow2", "image-unusable"),
    "encrypted by AES": (qcow2_header(encryption=1), "qcow2", "image-unusable"),
    "encrypted by LUKS": (qcow2_header(encryption=2), "qcow2", "image-unusable"),
    "version 1": (qcow2_header(1), "qcow2", "image-unusable"),
    "version 4": (qcow2_header(4), "qcow2", "image-unusable"),
    "cut in its header": (qcow2_header()[:80], "qcow2", "image-unusable"),
    "four bytes": (b"QFI\xfb", "qcow2", "image-unusable"),
    "no disk": (qcow2_header(size=0), "qcow2", "image-unusable"),
    "a disk of an exbibyte": (qcow2_header(size=2**60), "qcow2", "image-unusable"),
    "raw that is declared as qcow2": (mbr(), "qcow2", "image-other-format"),
    "empty": (b"", "qcow2", "image-other-format"),
    "qcow2 that is declared as raw": (qcow2_header(), "raw", "image-other-format"),
    "qcow2 with a backing file, as raw": (qcow2_header(backing=9), "raw", "image-other-format"),
    "a VMDK descriptor": (b"# Disk DescriptorFile\nRW 9 FLAT", "raw", "image-other-format"),
    "VMDK": (mbr((0, b"KDMV")), "raw", "image-other-format"),
    "old VMDK": (mbr((0, b"COWD")), "raw", "image-other-format"),
    "VHDX": (mbr((0, b"vhdxfile")), "raw", "image-other-format"),
    "dynamic VHD": (mbr((0, b"conectix")), "raw", "image-other-format"),
    "fixed VHD": (mbr((-512, b"conectix")), "raw", "image-other-format"),
    "VDI": (mbr((64, b"\x7f\x10\xda\xbe")), "raw", "image-other-format"),
    "QED": (mbr((0, b"QED\0")), "raw", "image-other-format"),
    "LUKS": (mbr((0, b"LUKS\xba\xbe\0\1")), "raw", "image-other-format"),
    "zstd as raw": (b"\x28\xb5\x2f\xfd" + bytes(100), "raw", "image-other-format"),
    "gzip as raw": (b"\x1f\x8b\x08" + bytes(100), "raw", "image-other-format"),
    "raw as zstd": (mbr(), "raw.zst", "image-other-format"),
    "qcow2 as vma": (qcow2_header(), "vma.zst", "image-other-format"),
}


def refusal(path: Path, declared: str = "qcow2") -> FlakeshipError:
    with pytest.raises(FlakeshipError) as raised:
        image_file.check(path, declared, "web-11111111")
    assert raised.value.key == "web-11111111"
    assert raised.value.remedy
    return raised.value


@pytest.mark.parametrize("name", GOOD)
def test_what_is_as_declared_is_accepted(tmp_path: Path, name: str) -> None:
    data, declared = GOOD[name]
    (tmp_path / "image").write_bytes(data)
    image_file.check(tmp_path / "image", declared, "web-11111111")


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_is_refused(tmp_path: Path, name: str) -> None:
    data, declared, code = BAD[name]
    (tmp_path / "image").write_bytes(data)
    assert refusal(tmp_path / "image", declared).code == code


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output of a store, with an image and a directory beside a secret of the workstation."""
    monkeypatch.setattr(image_file, "STORE", tmp_path / "store")
    made = tmp_path / "store/0123-image"
    (made / "directory").mkdir(parents=True)
    (made / "image").write_bytes(qcow2_header())
    (tmp_path / "secret").write_bytes(qcow2_header())
    return made


def link(name: str, to: str) -> Callable[[Path], Path]:
    def made(output: Path) -> Path:
        (output / name).symlink_to(to)
        return output / name

    return made


def output_that_is_a_link(output: Path) -> Path:
    other = output.with_name("4567-link")
    other.symlink_to(output)
    return other / "image"


def file_output_that_is_a_link(output: Path) -> Path:
    other = output.with_name("4567-link")
    other.symlink_to(output.parent.parent / "secret")
    return other


def below_a_directory_that_is_a_link(output: Path) -> Path:
    (output / "there").symlink_to("../..")
    return output / "there" / "secret"


PLACES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a link out of the store": (link("x", "../../secret"), "image-not-regular"),
    "an absolute link": (link("x", "/etc/hostname"), "image-not-regular"),
    "a link to a device": (link("x", "/dev/zero"), "image-not-regular"),
    "a link to nothing": (link("x", "nothing"), "image-file-missing"),
    "a link to itself": (link("x", "x"), "image-file-missing"),
    "a link to another output": (output_that_is_a_link, "image-not-regular"),
    "an output that is a link": (file_output_that_is_a_link, "image-not-regular"),
    "a directory that is a link": (below_a_directory_that_is_a_link, "image-not-regular"),
    "a directory": (lambda output: output / "directory", "image-not-regular"),
    "the output": (lambda output: output, "image-not-regular"),
    "nothing": (lambda output: output / "nothing", "image-file-missing"),
    "below a file": (lambda output: output / "image" / "x", "image-file-missing"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_outside_of_the_output_is_refused(output: Path, name: str) -> None:
    place, code = PLACES[name]
    assert refusal(place(output)).code == code


def test_a_link_inside_the_output_is_a_file_of_it(output: Path) -> None:
    image_file.check(link("x", "image")(output), "qcow2", "web")
    image_file.check(output / "image", "qcow2", "web")


@pytest.mark.skipif(not shutil.which("qemu-img"), reason="needs qemu-img (`make doctor`)")
@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], ""),
        (["-o", "compat=0.10"], ""),
        (["-o", "compression_type=zstd,extended_l2=on"], ""),
        (["-b", "base", "-F", "raw"], "image-refers"),
        (["-o", "data_file=data,data_file_raw=on"], "image-refers"),
    ],
)
def test_images_that_qemu_makes(tmp_path: Path, options: list[str], code: str) -> None:
    (tmp_path / "base").write_bytes(bytes(2**20))
    run(["qemu-img", "create", "-q", "-f", "qcow2", *options, "image", "1M"], cwd=tmp_path)
    if code:
        assert refusal(tmp_path / "image").code == code
    else:
        image_file.check(tmp_path / "image", "qcow2", "web")
