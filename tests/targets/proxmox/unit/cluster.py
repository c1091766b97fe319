"""An API on loopback, over TLS, that gives the answers of a test; and recorded ones."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flakeship.system.process import run
from flakeship.targets.proxmox.api.login import Login
from flakeship.targets.proxmox.privileges import AGENT, DISKS, IMAGES, MACHINES

TOKEN = "iac@pve!ci=6c2e3f6e-0000-4000-8000-0123456789ab"
HERE = Path(__file__).parent / "recorded"

Behaviour = Callable[[BaseHTTPRequestHandler], None]


@cache
def recorded(version: str) -> Any:
    """The recorded answers of a version: `answers` by path, and `refusals`."""
    return json.loads((HERE / f"replies-{version}.json").read_text())


def permissions(release: tuple[int, int]) -> dict[str, dict[str, int]]:
    """The least privileges of a token for the pool iac."""
    agent = AGENT if release >= (9, 0) else ("VM.Monitor",)
    found = {
        "/pool/iac": [*MACHINES, *agent, "Pool.Audit"],
        "/storage/local": IMAGES,
        "/storage/local-lvm": DISKS,
        "/sdn/zones/localnetwork/vmbr0": ["SDN.Use"],
    }
    if release >= (9, 0):
        found["/vms"] = ["VM.Config.Options"]
    return {path: dict.fromkeys(each, 1) for path, each in found.items()}


@dataclass(frozen=True)
class Reply:
    """An answer: its body is JSON, or bytes as they are."""

    body: object = None
    status: int = 200
    reason: str = "OK"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Cluster:
    """What is answered by method and path, or by `others`; and what was asked, in that order."""

    replies: dict[str, Reply | Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    port: int = 0
    certificate: Path = Path()
    others: Callable[[str], Reply] | None = None

    def get(self, path: str, data: object) -> None:
        """Answer a GET."""
        self.replies[f"GET {path}"] = Reply({"data": data})

    def login(self, **more: str) -> Login:
        """The login on it."""
        given = {"ca_file": str(self.certificate)} | more
        return Login(f"https://127.0.0.1:{self.port}", TOKEN.partition("=")[0], TOKEN, **given)

    @property
    def calls(self) -> list[str]:
        """The methods and paths of all calls, sorted."""
        return sorted(f"{method} {path}" for method, path, _ in self.asked)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = unquote(handler.path.removeprefix("/api2/json/"))
        length = int(handler.headers.get("Content-Length") or 0)
        body = handler.rfile.read(length).decode()
        self.asked.append((handler.command, path, body))
        call = f"{handler.command} {path}"
        reply = self.replies.get(call) or (self.others(call) if self.others else None)
        if reply is None:
            text = f"Method '{handler.command} /{path}' not implemented"
            reply = Reply({"data": None, "message": text}, 501, text)
        if callable(reply):
            reply(handler)
            return
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        handler.send_response(reply.status, reply.reason)
        headers = {"Content-Type": "application/json;charset=UTF-8", **reply.headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        if "Content-Length" not in headers:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)


class Quiet(ThreadingHTTPServer):
    """A server that does not tell of clients that break off."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Nobody reads it."""


def certificate(folder: Path, name: str = "IP:127.0.0.1") -> Path:
    """A certificate that signs itself, with its key."""
    file, both = folder / "certificate", folder / "both"
    run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=pve", "-addext", f"subjectAltName={name}"),
            *("-keyout", folder / "key", "-out", file),
        ]
    )
    both.write_text(file.read_text() + (folder / "key").read_text())
    return file


@contextmanager
def running(certificate: Path, *, tls: bool = True) -> Iterator[Cluster]:
    """The API on a port of this host."""
    cluster = Cluster(certificate=certificate)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def handle_one_request(self) -> None:
            self.do_GET = self.do_POST = self.do_PUT = self.do_DELETE = lambda: cluster.answer(self)
            super().handle_one_request()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.with_name("both"))
            http.socket = context.wrap_socket(http.socket, server_side=True)
        cluster.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield cluster
        finally:
            http.shutdown()
            thread.join()
