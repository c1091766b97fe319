"""TLS for checks: what the certificate of a service must be."""

from __future__ import annotations

import hashlib
import re
import socket
import ssl
from collections.abc import Callable
from functools import lru_cache

from flakeship.verify.checks.verdict import Failed

# what OpenSSL before and from 3.2 on says of an answer that is no TLS
NOT_TLS = ("wrong version", "record layer failure")


def secured(certificate: str, host: str) -> Callable[[socket.socket], socket.socket]:
    """What puts TLS over a connection and judges the certificate as `Check.certificate` says.

    `host` is the site. It raises Failed for another certificate and for what speaks no TLS, and
    OSError where the connection breaks.
    """
    context = _context(certificate)

    def secure(plain: socket.socket) -> socket.socket:
        try:
            found = context.wrap_socket(plain, server_hostname=_site(host))
        except ssl.SSLCertVerificationError as error:
            raise Failed(f"the certificate is refused: {error.verify_message}") from error
        except ssl.SSLError as error:
            reason = (error.reason or str(error)).lower().replace("_", " ")
            plain_text = any(each in reason for each in NOT_TLS)
            plainly = " (does the port speak TLS at all?)" if plain_text else ""
            raise Failed(f"no TLS: {reason}{plainly}") from error
        if certificate.lower().startswith("sha256:"):
            _match(found, certificate)
        return found

    return secure


@lru_cache(maxsize=8)  # a check that is tried again would read all authorities each time
def _context(certificate: str) -> ssl.SSLContext:
    if certificate == "trusted":
        context = ssl.create_default_context()
    elif "-----BEGIN" in certificate:
        context = ssl.create_default_context(cadata=certificate)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the setting says so, or a fingerprint is compared
    context.set_alpn_protocols(["http/1.1"])
    return context


def _site(host: str) -> str:
    """The name or address that the certificate must have: the site without its port."""
    return re.sub(r":[0-9]+$", "", host) if host.count(":") == 1 else host.strip("[]")


def _match(connection: ssl.SSLSocket, certificate: str) -> None:
    """Compare the fingerprint. Raises Failed."""
    wanted = re.sub("[^0-9a-f]", "", certificate.lower().removeprefix("sha256:"))
    shown = hashlib.sha256(connection.getpeercert(binary_form=True) or b"").hexdigest()
    if shown != wanted:
        connection.close()
        raise Failed(f"the certificate is sha256:{shown}, not sha256:{wanted}")
