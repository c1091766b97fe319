"""What Pulumi's plugin trusts: it has no setting for it, and reads SSL_CERT_FILE alone.

So a pinned certificate, or the authority of the settings, is written to a file of the stack beside
the system's authorities. `make` reads it (.state/stacks/<stack>/env.sh); a shell has to export it.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.system.files import write
from flakeship.targets.proxmox.api import connection, tls
from flakeship.targets.proxmox.api.login import Login

VARIABLE = "SSL_CERT_FILE"  # of Go's and OpenSSL's libraries: it replaces the system's file


def bundle(stack: str) -> Path:
    """The file with what the plugin of a stack trusts."""
    return Path(".state", "stacks", stack, "trusted.pem").absolute()


def ensure(login: Login, stack: str) -> None:
    """Refuse to go on where the plugin would refuse the certificate that the settings trust.

    It would say so after a minute only. Raises FlakeshipError (plugin-trust, certificate-name).
    """
    if not (login.fingerprint or login.ca_file):
        return  # the plugin has the same authorities as we have
    try:
        shown = _handshake(login)
    except ssl.SSLCertVerificationError as error:
        if "mismatch" in error.verify_message or "not valid for" in error.verify_message:
            raise FlakeshipError(
                f"its certificate is for other names, and Pulumi's plugin compares them: "
                f"{error.verify_message}",
                code="certificate-name",
                key=login.endpoint,
                remedy="name the node in the endpoint as its certificate does (`pvenode cert info` "
                "shows its names)",
            ) from error
        shown = ""
    if not shown:
        file = bundle(stack)
        _write(login, file)
        raise FlakeshipError(
            "Pulumi's plugin does not trust its certificate yet, as it reads "
            f"{VARIABLE} alone: {file} has been written for it",
            code="plugin-trust",
            key=login.endpoint,
            given=os.environ.get(VARIABLE, ""),
            allowed=str(file),
            remedy=f"run `make` again; without make, `export {VARIABLE}={file}` first",
        )


def _handshake(login: Login) -> str:
    """The version of TLS with what the plugin trusts. Raises SSLCertVerificationError."""
    from urllib3.exceptions import HTTPError

    trusting = ssl.create_default_context()
    # as the plugin, which takes any certificate of the file for an authority
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.verify_flags &= ~ssl.VERIFY_X509_STRICT
    try:
        with connection.connect(login.endpoint, {"ssl_context": trusting}) as secured:
            return secured.version() or "TLS"
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, HTTPError) as error:
        raise FlakeshipError(
            f"does not answer any more: {error}", code="api-unreachable", key=login.endpoint
        ) from error


def _write(login: Login, file: Path) -> None:
    """Write the bundle: the authorities of before, and the certificate that the settings trust."""
    system = Path(ssl.get_default_verify_paths().openssl_cafile)
    before = Path(os.environ.get(VARIABLE) or system)
    # it is the file of the last time where the certificate was renewed
    before = system if before == file else before
    others = before.read_text() if before.is_file() else ""
    trusted = Path(login.ca_file).read_text() if login.ca_file else tls.pinned(login)
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, f"{trusted.strip()}\n{others}")
