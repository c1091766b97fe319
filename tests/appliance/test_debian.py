"""The appliance's lock: what is read, what is refused, and which mirror is asked when."""

import io
import lzma
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import which
from typing import Any

import archive
import download
import fill
import lock
import mirrors
import nixstore
import pytest
import relock
from package import ArchiveError

INRELEASE = """Origin: Debian
Suite: stable
Version: 13.7
Codename: trixie
Date: Sat, 12 Sep 2026 07:55:41 UTC
MD5Sum:
 0123 12 main/binary-amd64/Packages.xz
SHA256:
 abcd 12 main/binary-amd64/Packages.xz
"""
PACKAGES = """Package: tiny
Version: 1.0-1
Filename: pool/main/t/tiny/tiny_1.0-1_amd64.deb
Size: 4
SHA256: 88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589

Package: meta
Version: 2
Depends: linux-image-6.1-cloud-amd64 (= 2)
Filename: pool/meta.deb
Size: 5
SHA256: 00
"""
TINY = archive.packages(PACKAGES)["tiny"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    folder = tmp_path / "mirror"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def publish(folder: Path, data: bytes) -> None:
    (folder / TINY.filename).parent.mkdir(parents=True)
    (folder / TINY.filename).write_bytes(data)


def test_release_takes_the_sha256_list() -> None:
    found = archive.release(INRELEASE)
    assert found.version == "13.7"
    assert found.date == datetime(2026, 9, 12, 7, 55, 41, tzinfo=UTC)
    assert found.hashes == {"main/binary-amd64/Packages.xz": "abcd"}


@pytest.mark.parametrize("field", ["Version", "Codename", "Date"])
def test_a_release_that_lacks_a_field_is_refused(field: str) -> None:
    with pytest.raises(ArchiveError, match=f"without a usable .*: '{field}'"):
        archive.release(INRELEASE.replace(f"{field}:", "Other:"))


RELEASED = datetime(2026, 9, 12, 7, 55, 41, tzinfo=UTC)
UNTIL = "Valid-Until: Sat, 19 Sep 2026 07:55:41 UTC\n"


def test_a_release_of_the_locks_own_date_is_current() -> None:
    found = archive.release(UNTIL + INRELEASE)
    assert archive.current(found, "trixie", RELEASED, now=RELEASED + timedelta(days=7)) is found


@pytest.mark.parametrize(
    ("text", "since", "problem"),
    [
        (INRELEASE.replace("trixie", "trixie-security"), RELEASED, "not trixie"),
        (INRELEASE, RELEASED + timedelta(seconds=1), "older than lock.json"),
        (UNTIL + INRELEASE, RELEASED, "valid until 2026-09-19"),
    ],
    ids=["another suite", "replayed", "expired"],
)
def test_a_signed_release_is_refused(
    text: str,
    since: datetime,
    problem: str,
    mirror: tuple[str, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url, folder = mirror
    (folder / "dists" / "trixie").mkdir(parents=True)
    (folder / "dists" / "trixie" / "InRelease").write_text(text)
    monkeypatch.setenv("FLAKESHIP_DEBIAN_MIRROR", url)
    monkeypatch.setattr(relock, "keyring", lambda folder: folder)
    monkeypatch.setattr(relock, "verified", lambda signed, _keyring: signed.decode())
    monkeypatch.setattr(lock, "read", lambda: lock.Lock("trixie", "13.7", since, "", "", {}))
    with pytest.raises(ArchiveError, match=f"^{url}: .*{problem}"):
        relock.relock_anywhere()


def test_packages() -> None:
    assert (TINY.version, TINY.size) == ("1.0-1", 4)
    assert archive.packages(PACKAGES)["meta"].depends.startswith("linux-image-6.1")


def test_a_missing_package_is_named() -> None:
    wanted = {"tools": ["tiny"], "system": ["gone"]}
    with pytest.raises(ArchiveError, match="gone"):
        relock.choose(wanted, archive.packages(PACKAGES), "meta")


@pytest.mark.skipif(not which("gpgv"), reason="needs gpgv")
@pytest.mark.skipif(not Path("/", relock.KEYRING).is_file(), reason="needs Debian's keyring")
def test_an_unsigned_release_is_refused() -> None:
    with pytest.raises(ArchiveError, match="not signed"):
        archive.verified(INRELEASE.encode(), Path("/", relock.KEYRING))


def test_file_in_a_deb() -> None:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as tree:
        info = tarfile.TarInfo("./usr/bin/busybox")
        info.size = 4
        tree.addfile(info, io.BytesIO(b"tiny"))
    data = lzma.compress(tar.getvalue())
    header = f"{'data.tar.xz':<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(data):<10}`\n"
    deb = b"!<arch>\n" + header.encode() + data
    assert archive.file_in(deb, "usr/bin/busybox") == b"tiny"


def test_store_paths_are_those_of_nix(tmp_path: Path) -> None:
    if not which("nix-store"):
        pytest.skip("needs Nix")
    tree = tmp_path / "bootstrap"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "busybox").write_bytes(b"tiny")
    (tree / "bin" / "busybox").chmod(0o555)
    add = ["nix-store", "--add-fixed", "sha256"]
    flat = subprocess.check_output([*add, tree / "bin" / "busybox"], text=True).strip()
    assert str(nixstore.flat_path("busybox", TINY.sha256)) != flat
    assert str(nixstore.flat_path("busybox", archive.sha256(b"tiny"))) == flat
    add = ["nix-store", "--add-fixed", "--recursive", "sha256"]
    whole = subprocess.check_output([*add, tree], text=True).strip()
    assert str(nixstore.tree_path("bootstrap", nixstore.nar_sha256(tree))) == whole


def test_wrong_bytes_are_refused(mirror: tuple[str, Path]) -> None:
    url, folder = mirror
    publish(folder, b"evil")
    with pytest.raises(ArchiveError, match=f"{url}/.*wrong sha256.*run again") as refused:
        download.download(TINY, [url])
    assert not isinstance(refused.value, download.DroppedError)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> str:
    """A place whose name no name server knows."""
    resolve: Any = socket.getaddrinfo

    def without(host: str, *rest: object, **options: object) -> Any:
        if host == "snapshot.invalid":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", without)
    return "http://snapshot.invalid"


def test_a_version_is_dropped_where_every_place_says_so(
    mirror: tuple[str, Path], nowhere: str
) -> None:
    url, _ = mirror
    with pytest.raises(download.DroppedError, match="HTTP 404"):
        download.download(TINY, [url, f"{url}/other", nowhere])


@pytest.mark.parametrize("problem", ["503", "timeout", "cut short", "unknown host"])
def test_a_mirror_in_trouble_has_dropped_nothing(
    problem: str, mirror: tuple[str, Path], nowhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = mirror

    def trouble(handler: Quiet) -> None:
        if "/bad/" not in handler.path:
            handler.send_error(404)
        elif problem == "503":
            handler.send_error(503)
        elif problem == "timeout":
            time.sleep(0.3)
        else:
            handler.send_response(200)
            handler.send_header("Content-Length", "100")
            handler.end_headers()

    monkeypatch.setattr(Quiet, "do_GET", trouble)
    monkeypatch.setattr(mirrors, "TIMEOUT", 0.1)
    places = [nowhere] if problem == "unknown host" else [url, f"{url}/bad"]
    with pytest.raises(ArchiveError, match=f"{places[-1]}/.*run again") as refused:
        download.download(TINY, places)
    assert not isinstance(refused.value, download.DroppedError)


def test_the_next_place_is_asked(mirror: tuple[str, Path]) -> None:
    url, folder = mirror
    publish(folder, b"abcd")
    assert download.download(TINY, [f"{url}/nothing", url]) == b"abcd"


def test_the_order_of_mirrors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLAKESHIP_DEBIAN_MIRROR", raising=False)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text(
        "# deb http://old.example/debian trixie main\n"
        "deb http://near.example/debian trixie main\n"
        "deb http://near.example/debian-security trixie-security main\n"
    )
    (tmp_path / "sources.list.d" / "more.sources").write_text(
        "Types: deb\nURIs: https://far.example/debian/\nSuites: trixie\n"
    )
    assert mirrors.mirrors(tmp_path) == [
        "http://near.example/debian",
        "https://far.example/debian",
        mirrors.PUBLIC,
    ]
    monkeypatch.setenv("FLAKESHIP_DEBIAN_MIRROR", "http://mine.example/debian/")
    assert mirrors.mirrors(tmp_path) == ["http://mine.example/debian"]


def test_snapshot_is_of_the_day_after() -> None:
    assert mirrors.snapshot(datetime(2026, 9, 12, 7, 55, 41, tzinfo=UTC)).endswith(
        "/20260913T075541Z"
    )


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    date = datetime(2026, 9, 12, tzinfo=UTC)
    locked = lock.Lock("trixie", "13.7", date, "meta", "00", {"tiny": TINY})
    lock.write(locked, tmp_path / "lock.json")
    assert lock.read(tmp_path / "lock.json") == locked


def test_a_dropped_version_relocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    date = datetime(2026, 9, 12, tzinfo=UTC)
    old = lock.Lock("trixie", "13.6", date, "meta", "00", {"tiny": TINY})
    new = lock.Lock("trixie", "13.7", date, "meta", "00", {"tiny": TINY})
    filled = []

    def pretend(locked: lock.Lock) -> None:
        if locked is old:
            raise download.DroppedError("tiny 1.0-1: HTTP 404")
        filled.append(locked)

    monkeypatch.setattr(lock, "read", lambda: old)
    monkeypatch.setattr(download, "fill", pretend)
    monkeypatch.setattr(download, "relock_anywhere", lambda: new)
    monkeypatch.setattr(nixstore, "keep", lambda *_: None)
    fill.run(tmp_path)
    assert filled == [new]
    assert "commit lock.json" in capsys.readouterr().err
