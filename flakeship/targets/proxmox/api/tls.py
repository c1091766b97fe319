"""Whom to trust: an authority, one certificate by its fingerprint, or those of this machine.

Pulumi's plugin has the same authorities as OpenSSL here: the system's, or SSL_CERT_FILE.
"""

from __future__ import annotations

import hashlib
import re
import ssl

from flakeship.model.errors import FlakeshipError
from flakeship.targets.proxmox.api import connection
from flakeship.targets.proxmox.api.login import Login


def context(login: Login) -> ssl.SSLContext:
    """The TLS context of a login. Raises FlakeshipError for a file without certificates.

    With a fingerprint the certificate itself is compared, whoever has signed it; the connection
    does that (urllib3's assert_fingerprint).
    """
    try:
        found = ssl.create_default_context(cafile=login.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise FlakeshipError(
            "is no file of certificates in PEM",
            code="ca-file-unreadable",
            key=login.ca_file,
            given=getattr(error, "strerror", None) or "",
            remedy="copy /etc/pve/pve-root-ca.pem from a node",
        ) from error
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    # since Python 3.13 an authority needs extensions that the cluster's own does not have
    found.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if login.fingerprint:
        found.check_hostname = False
        found.verify_mode = ssl.CERT_NONE
    return found


def presented(endpoint: str) -> str:
    """The SHA-256 fingerprint of what a server shows to everybody, empty where it shows nothing."""
    return _fingerprint(_shown(endpoint))


def pinned(login: Login) -> str:
    """The certificate with the fingerprint of a login, in PEM. Raises FlakeshipError."""
    shown = _shown(login.endpoint)
    if _fingerprint(shown) != login.fingerprint:
        raise untrusted(login, "another certificate")
    return ssl.DER_cert_to_PEM_cert(shown)


def _shown(endpoint: str) -> bytes:
    """What a server shows to everybody, whoever it is."""
    from urllib3.exceptions import HTTPError

    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    try:
        with connection.connect(endpoint, {"ssl_context": anybody}) as secured:
            return secured.getpeercert(binary_form=True) or b""
    except (OSError, ValueError, HTTPError):
        return b""


def _fingerprint(shown: bytes) -> str:
    return ":".join(re.findall("..", hashlib.sha256(shown).hexdigest().upper())) if shown else ""


def untrusted(login: Login, reason: str) -> FlakeshipError:
    """The error about a certificate that is not trusted, with the one to trust, once compared."""
    shown = presented(login.endpoint)
    code, key = "certificate-untrusted", login.endpoint
    if "WRONG_VERSION_NUMBER" in reason or "record layer" in reason:
        return FlakeshipError(
            "answers without TLS",
            code="tls-mismatch",
            key=key,
            remedy="the endpoint must name the port of pveproxy, by default 8006",
        )
    if login.fingerprint:
        what = "shows another certificate than that of flakeship:proxmox.fingerprint"
    elif "ostname mismatch" in reason or "not valid for" in reason:
        what = "its certificate is for another name"
    elif "certificate has expired" in reason or "not yet valid" in reason:
        what = "its certificate is not valid now"
    else:
        what = "its certificate is not trusted"
    compare = (
        "compare this fingerprint with that of `pvenode cert info` on the node itself; if they are "
        f"the same, `pulumi config set --path flakeship:proxmox.fingerprint {shown}`"
        if shown
        else "set flakeship:proxmox.fingerprint to that of `pvenode cert info` on the node itself"
    )
    return FlakeshipError(
        what,
        code=code,
        key=key,
        given=shown,
        remedy=f"{compare}, or name a copy of the cluster's authority, /etc/pve/pve-root-ca.pem, "
        "as flakeship:proxmox.caFile",
    )
