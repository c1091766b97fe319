"""The API over HTTPS, with TLS 1.3 and a certificate of the lab's own authority."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import secrets
import ssl
import threading
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import trustme
from multipart import MultipartSegment, PushMultipartParser
from websockets.datastructures import Headers
from websockets.http11 import Request

from dev.proxmox import api_cluster, api_disk, api_ha, api_power, api_storage, api_vm  # noqa: F401 # their routes
from dev.proxmox.errors import PveError
from dev.proxmox.guests import Guests
from dev.proxmox.lab import Lab, Page
from dev.proxmox.site import HOST, Site
from dev.proxmox.terminals import Terminal

log = logging.getLogger(__name__)

BASE = "/api2/json"
UPLOAD_FIELDS = {"content", "checksum-algorithm", "checksum", "filename", "tmpfilename"}
BLOCK = 65536
REFRESH_SECONDS = 10.0


class Handler(BaseHTTPRequestHandler):
    """One connection, which may have many requests."""

    protocol_version = "HTTP/1.1"
    wbufsize = BLOCK  # an answer in one packet: a second one would wait for the first's receipt
    server: Server

    def _answer(self) -> None:
        try:
            data = self._data()
        except PveError as error:
            self._refuse(error)
        except Exception:
            log.exception("%s", self.requestline)
            self._refuse(PveError("the lab has a fault, see its log"))
        else:
            if isinstance(data, Terminal):
                self._show(data)
                return
            page = (
                {"data": data.data, "total": data.total}
                if isinstance(data, Page)
                else {"data": data}
            )
            self._send(200, "OK", page)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 # http.server's names

    def _data(self) -> Any:  # noqa: ANN401
        url, lab = urlsplit(self.path), self.server.lab
        header, file = self.headers.get("Authorization", ""), None
        given = _parameters(url.query)
        if self.headers.get_content_type() == "multipart/form-data":
            self.close_connection = True  # unless all of it is read
            lab.access.identify(header)
            fields, file = self._received()
            given |= fields
        elif length := int(self.headers.get("Content-Length", 0)):
            given |= _parameters(self.rfile.read(length).decode())
        path = unquote(url.path).removeprefix(BASE)
        return lab.answer(self.command, path, given, header, file)

    def _received(self) -> tuple[dict[str, str], Path]:
        """The fields of an upload, and the file that its content is in.

        What is wrong ends the connection at once, without the rest being read.
        """
        spool = self.server.lab.site.folder / "uploads" / f"pveupload-{secrets.token_hex(16)}"
        spool.parent.mkdir(exist_ok=True)
        most = int(self.server.lab.faults.get("upload_bytes", 2**63))
        left = int(self.headers["Content-Length"])
        fields: dict[str, str] = {}
        name = ""
        with spool.open("wb") as file, PushMultipartParser(_boundary(self.headers)) as parser:
            while left and (block := self.rfile.read(min(left, BLOCK))):
                left -= len(block)
                for part in parser.parse(block):
                    if isinstance(part, MultipartSegment):
                        name = part.name
                        if name not in UPLOAD_FIELDS:
                            spool.unlink()
                            raise PveError("Bad Request", 400)
                        fields[name] = part.filename or ""
                    elif part and name == "filename":
                        file.write(part)
                    elif part:
                        fields[name] += part.decode()
                if file.tell() > most:
                    spool.unlink()
                    raise PveError("write failed: No space left on device")
        self.close_connection = False
        return fields, spool

    def _show(self, terminal: Terminal) -> None:
        """Become a websocket, where that is asked for."""
        if self.headers.get("Upgrade", "").lower() != "websocket":
            self._send(200, "OK", {"data": {"port": str(terminal.port)}})
            return
        self.close_connection = True
        log.info("%s -> 101", self.requestline.partition("?")[0])
        request = Request(self.path, Headers(self.headers.items()))
        self.server.lab.terminals.serve(terminal, self.connection, request)

    def _refuse(self, error: PveError) -> None:
        """Refuse a request: the text is the reason phrase too, as clients expect."""
        bare = error.status == 401 or error.message == "Bad Request"
        end = "" if error.status == 501 else "\n"
        body: dict[str, Any] = {"data": None, "message": f"{error.message}{end}"}
        body |= {"errors": error.errors} if error.errors else {}
        reason = next(iter(error.message.splitlines()), "error")
        printable = reason.encode("latin-1", "replace").decode("latin-1")
        self._send(error.status, printable, None if bare else body)

    def _send(self, status: int, reason: str, body: object) -> None:
        text = json.dumps(body).encode() if body else b""
        self.send_response(status, reason)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)
        log.info("%s -> %d %s", self.requestline, status, reason)

    def log_message(self, *_: object) -> None:
        """Everything is logged with its answer."""


def _parameters(text: str) -> dict[str, str]:
    """Parameters, of which a list is one text with NUL between its words."""
    return {
        key: "\0".join(values) for key, values in parse_qs(text, keep_blank_values=True).items()
    }


def _boundary(headers: Message) -> str:
    return str(headers.get_param("boundary", ""))


class Server(ThreadingHTTPServer):
    """A lab that answers."""

    def __init__(self, site: Site, guests: Guests, **seconds: float) -> None:
        site.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = site.folder / "ca-key.pem"
        if not key.exists():  # else it is as before: whoever trusts it still does
            made = trustme.CA()
            made.cert_pem.write_to_path(str(site.authority))
            made.private_key_pem.write_to_path(str(key))
        authority = trustme.CA.from_pem(site.authority.read_bytes(), key.read_bytes())
        own = authority.issue_cert(HOST, "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        own.configure_cert(context)
        der = ssl.PEM_cert_to_DER_cert(own.cert_chain_pems[0].bytes().decode())
        fingerprint = ":".join(re.findall("..", hashlib.sha256(der).hexdigest().upper()))
        self.lab = Lab(site, guests, fingerprint, **seconds)
        super().__init__((HOST, site.port), Handler)
        # the handshake is for the connection's own thread: nobody else is to wait for it
        self.socket = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        self._ended = threading.Event()

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate, or is gone, is no fault."""
        log.debug("a connection ended", exc_info=True)

    def run(self) -> None:
        """Answer until `shutdown`; new VMs are known after some seconds."""
        threading.Thread(target=self._refresh, daemon=True).start()
        self.serve_forever()

    def server_close(self) -> None:
        """Stop for good."""
        self._ended.set()
        super().server_close()

    def _refresh(self) -> None:
        while not self._ended.wait(REFRESH_SECONDS):
            self.lab.refresh()
