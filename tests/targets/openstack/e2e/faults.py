"""A proxy before a real cloud that lets calls fail: for the SDK and for Pulumi's provider alike.

Both take the proxy from HTTP_PROXY, so the addresses of the catalogue stay as they are.
"""

from __future__ import annotations

import http.client
import random
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOCAL = "127.0.0.1,localhost"  # Pulumi's own connections
HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Fault:
    """What happens to calls that match: a status; `cut`: no answer, `lost`: none after the effect,
    `half`: half of the answer, `silent`: nothing for `seconds`, and then the answer.

    `times` is how many calls it happens to, `share` to which part of them.
    """

    pattern: str
    act: str
    times: float = float("inf")
    share: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass
class Proxy:
    """Its faults, the calls that it got, and what became of those that failed."""

    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    url: str = ""
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to go through it."""
        return {
            "HTTP_PROXY": self.url,
            "http_proxy": self.url,
            "NO_PROXY": LOCAL,
            "no_proxy": LOCAL,
        }

    def fault(self, call: str) -> Fault | None:
        with self.lock:
            self.calls.append(call)
            for each in self.faults:
                if each.times > 0 and re.search(each.pattern, call):
                    if self.dice.random() >= each.share:
                        continue
                    each.times -= 1
                    self.failed.append(f"{each.act} {call}")
                    return each
        return None


def handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = proxy.fault(f"{self.command} {self.path}")
            if fault and fault.act.isdigit():
                text = b'{"error": {"message": "injected"}}'
                self._send(
                    int(fault.act), {**fault.headers, "Content-Type": "application/json"}, text
                )
                return
            if fault and fault.act == "cut":
                self._cut()
                return
            if fault and fault.act == "silent":
                time.sleep(fault.seconds)
            parts = urlsplit(self.path)
            onward = http.client.HTTPConnection(parts.netloc, timeout=120)
            given = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            try:
                onward.request(self.command, target, body or None, given)
                answer = onward.getresponse()
                text = answer.read()
            except OSError:
                self._send(502, {}, b"no backend")
                return
            finally:
                onward.close()
            if fault and fault.act == "lost":
                self._cut()
                return
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP}
            self._send(answer.status, kept, text, half=bool(fault and fault.act == "half"))

        def _cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def _send(
            self, status: int, headers: Mapping[str, str], text: bytes, *, half: bool = False
        ) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(text[: len(text) // 2] if half else text)
            if half:
                self._cut()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _forward  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def faulty() -> Iterator[Proxy]:
    """A proxy on a port of this host."""
    proxy = Proxy()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(proxy)) as server:
        proxy.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()
