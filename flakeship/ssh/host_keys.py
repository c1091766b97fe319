"""SSH host keys as a machine announces them on its console, a channel the network cannot forge.

A key is `<type> <base64>`, as in a .pub file without its comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flakeship.ssh import public_key

BEGIN = "-----BEGIN SSH HOST KEY KEYS-----"
END = "-----END SSH HOST KEY KEYS-----"
KEY = re.compile(
    r"\b(ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp[0-9]{3}) +(AAAA[0-9A-Za-z+/]+={0,2})(?: +\S+)?$"
)
PREFERRED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")


def blocks(text: str) -> list[list[str]]:
    """The keys of every complete block, oldest first.

    Lines may have a prefix (cloud-init's), and the kernel may write in between: a key that is cut
    in two does not count, nor does a block without any complete key. A mark ends its line, and so
    does a key with at most one word behind it: what others can make a machine log, such as a user's
    name, has more words behind it.
    """
    found: list[list[str]] = []
    keys: list[str] | None = None
    for line in map(str.rstrip, text.splitlines()):
        if line.endswith(BEGIN):
            keys = []
        elif line.endswith(END):
            if keys:
                found.append(sorted(set(keys), key=_rank))
            keys = None
        elif keys is not None:
            keys += [f"{kind} {blob}" for kind, blob in KEY.findall(line) if _complete(kind, blob)]
    return found


def same(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether both are the same keys, in any order."""
    return set(one) == set(other)


def known_hosts(alias: str, keys: Iterable[str]) -> str:
    """The known_hosts lines that make exactly these keys valid for a HostKeyAlias."""
    return "".join(f"{alias} {key}\n" for key in keys)


def algorithms(keys: Iterable[str]) -> str:
    """A value for HostKeyAlgorithms: what the server may sign with, and nothing else."""
    kinds = [key.partition(" ")[0] for key in sorted(keys, key=_rank)]
    return ",".join("rsa-sha2-512,rsa-sha2-256" if kind == "ssh-rsa" else kind for kind in kinds)


def fingerprint(key: str) -> str:
    """`<type> SHA256:<...>`, as ssh shows it."""
    return f"{key.partition(' ')[0]} {public_key.fingerprint(key)}"


def _rank(key: str) -> tuple[int, str]:
    kind = key.partition(" ")[0]
    return (PREFERRED.index(kind) if kind in PREFERRED else len(PREFERRED), key)


def _complete(kind: str, blob: str) -> bool:
    """Whether the base64 holds complete SSH fields, of which the first names the type."""
    found = public_key.fields(blob)
    return len(found) > 1 and found[0] == kind.encode()
