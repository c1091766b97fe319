"""Where Nix will look for a file: store paths of fixed contents, worked out without asking Nix."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from subprocess import DEVNULL, CalledProcessError, run

__all__ = ["CalledProcessError", "add", "flat_path", "keep", "kept", "nar_sha256", "tree_path"]

STORE = "/nix/store"
_DIGITS = "0123456789abcdfghijklmnpqrsvwxyz"


def _base32(data: bytes) -> str:
    number = int.from_bytes(data, "little")
    length = (len(data) * 8 - 1) // 5 + 1
    return "".join(_DIGITS[(number >> (5 * i)) & 31] for i in reversed(range(length)))


def _store_path(kind: str, hex_digest: str, name: str) -> Path:
    full = hashlib.sha256(f"{kind}:sha256:{hex_digest}:{STORE}:{name}".encode()).digest()
    folded = bytearray(20)
    for i, byte in enumerate(full):
        folded[i % 20] ^= byte
    return Path(STORE) / f"{_base32(bytes(folded))}-{name}"


def flat_path(name: str, sha256: str) -> Path:
    """The store path of a plain file with this sha256 (hex)."""
    inner = hashlib.sha256(f"fixed:out:sha256:{sha256}:".encode()).hexdigest()
    return _store_path("output:out", inner, name)


def tree_path(name: str, nar_sha256: str) -> Path:
    """The store path of a tree (or executable) whose NAR has this sha256 (hex)."""
    return _store_path("source", nar_sha256, name)


def _text(data: bytes) -> bytes:
    return len(data).to_bytes(8, "little") + data + b"\0" * (-len(data) % 8)


def _node(path: Path) -> bytes:
    if path.is_dir():
        entries = b"".join(
            _text(b"entry")
            + _text(b"(")
            + _text(b"name")
            + _text(child.name.encode())
            + _text(b"node")
            + _node(child)
            + _text(b")")
            for child in sorted(path.iterdir())
        )
        body = _text(b"type") + _text(b"directory") + entries
    else:
        executable = _text(b"executable") + _text(b"") if path.stat().st_mode & 0o100 else b""
        body = _text(b"type") + _text(b"regular") + executable
        body += _text(b"contents") + _text(path.read_bytes())
    return _text(b"(") + body + _text(b")")


def nar_sha256(path: Path) -> str:
    """The sha256 (hex) of the NAR of a tree of directories and plain files."""
    return hashlib.sha256(_text(b"nix-archive-1") + _node(path)).hexdigest()


def add(files: Sequence[Path], *, tree: bool = False) -> None:
    """Adds files to the store under their own names."""
    mode = ["--recursive"] if tree else []
    _nix_store(["--add-fixed", *mode, "sha256", *map(str, files)])


def keep(paths: Sequence[Path], roots: Path) -> None:
    """Makes the paths garbage-collection roots; roots of earlier locks go."""
    roots.mkdir(parents=True, exist_ok=True)
    for old in roots.iterdir():
        if old.is_symlink():
            old.unlink()
    _nix_store(["--add-root", str(roots / "debian"), "--indirect", "--realise", *map(str, paths)])


def kept(paths: Sequence[Path], roots: Path) -> bool:
    """Whether the roots hold all of these."""
    if not roots.is_dir():
        return False
    return {str(path) for path in paths} <= {str(link.readlink()) for link in roots.iterdir()}


def _nix_store(arguments: list[str]) -> None:
    run(["nix-store", *arguments], check=True, stdout=DEVNULL)
