"""Lines of authorized_keys: which of them are public keys that OpenSSH takes."""

from __future__ import annotations

import base64
import hashlib

from flakeship.model.authorized_key import COMMENT, AuthorizedKey
from flakeship.model.text import cut

# the fields of each type, the place of its key and that one's least length (RFC 4253, 5656, 8709,
# OpenSSH's PROTOCOL.u2f): of RSA 1024 bits, which OpenSSH asks for, of ECDSA an uncompressed point
TYPES = {
    "ssh-ed25519": (2, 1, 32),
    "ssh-rsa": (3, 2, 128),
    "ecdsa-sha2-nistp256": (3, 2, 65),
    "ecdsa-sha2-nistp384": (3, 2, 97),
    "ecdsa-sha2-nistp521": (3, 2, 133),
    "sk-ssh-ed25519@openssh.com": (3, 1, 32),
    "sk-ecdsa-sha2-nistp256@openssh.com": (4, 2, 65),
}
LONGEST = 8192  # characters of a line, as OpenSSH reads them


def fault(line: str) -> str:
    """What is wrong with a line, empty where it is a whole public key; never repeats any of it."""
    kind, _, rest = line.partition(" ")
    blob, _, comment = rest.strip().partition(" ")
    if "PRIVATE KEY" in line or "\n" in line.strip():
        return "is no single line with a public key: a private key stays where it is"
    if kind not in TYPES:
        old = kind == "ssh-dss"
        return "is a DSA key, which OpenSSH takes no more" if old else "is not a public key"
    if len(line) > LONGEST or not comment.isprintable():
        return f"has more than {LONGEST} characters, or some that cannot be shown"
    count, place, length = TYPES[kind]
    found = fields(blob)
    whole = len(found) == count and found[0] == kind.encode() and len(found[place]) >= length
    return "" if whole else "is not a whole public key"


def fingerprint(line: str) -> str:
    """`SHA256:<base64>` of a whole public key, as `ssh-keygen -l` prints it."""
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def authorized(line: str) -> AuthorizedKey:
    """What a release records of a whole public key."""
    comment = line.split(maxsplit=2)[2:]
    return AuthorizedKey(fingerprint(line), cut("".join(comment), COMMENT))


def fields(blob: str) -> list[bytes]:
    """The fields of a key in base64, each with its length before it; none where it is not whole."""
    try:
        rest = base64.b64decode(blob, validate=True)
    except ValueError:  # binascii.Error is one, and so is what is not ASCII
        return []
    found, at = [], 0
    while at < len(rest):  # by index: a copy of the rest for each field takes a guest's time
        end = at + 4 + int.from_bytes(rest[at : at + 4], "big")
        if end > len(rest):
            return []
        found.append(rest[at + 4 : end])
        at = end
    return found
