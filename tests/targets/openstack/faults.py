"""A proxy before a cloud that lets calls fail: for the SDK and for Pulumi's provider alike.

Both take the proxy from HTTP_PROXY, so the addresses of the catalogue stay as they are.
"""

from __future__ import annotations

import http.client
import random
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

LOCAL = "127.0.0.1,localhost"  # Pulumi's own connections
JSON = {"Content-Type": "application/json"}
Answer = tuple[int, Mapping[str, str], bytes]
HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Fault:
    """What happens to calls that match.

    Without an effect: a status, `cut` (no answer), `midway` (not even all of the body is read) and
    `page` (a login page of something in between). After the effect: `lost` (no answer), `half` of
    the answer, `garbled` (no JSON), `silent` (no answer for `seconds`, and then none).

    `times` is how many calls it happens to, `share` to which part of them.
    """

    pattern: str
    act: str
    times: float = float("inf")
    share: float = 1.0
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


def forwarded(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """The answer of the service that a call is for."""
    parts = urlsplit(url)
    onward = http.client.HTTPConnection(parts.netloc, timeout=120)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        onward.request(method, target, body or None, dict(headers))
        answer = onward.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    except OSError:
        return 502, {}, b"no backend"
    finally:
        onward.close()


@dataclass
class Proxy:
    """Its faults, the calls that it got, and what became of those that failed.

    `onward` answers the calls that do not fail.
    """

    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    url: str = ""
    onward: Callable[[str, str, Mapping[str, str], bytes], Answer] = forwarded
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)

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
        disable_nagle_algorithm = True  # headers and body are two packets

        def _forward(self) -> None:
            fault = proxy.fault(f"{self.command} {self.path}")
            act = fault.act if fault else ""
            size = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(size // 2 if act == "midway" else size)
            if fault and act.isdigit():
                text = b'{"error": {"message": "injected"}}'
                self._send(int(act), {**fault.headers, **JSON}, text)
            elif act in {"cut", "midway"}:
                self._cut()
            elif act == "page":
                self._send(200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")
            else:
                given = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
                status, headers, text = proxy.onward(self.command, self.path, given, body)
                kept = {k: v for k, v in headers.items() if k.lower() not in HOP}
                self._answer(act, status, kept, text)
            if fault and act == "silent":
                proxy.closing.wait(fault.seconds)
                self._cut()

        def _answer(self, act: str, status: int, headers: Mapping[str, str], text: bytes) -> None:
            if act == "lost" or (act == "half" and not text):
                self._cut()
            elif act == "garbled":
                self._send(200, JSON, b'{"servers": [{"id"')
            elif act != "silent":
                self._send(status, headers, text, half=act == "half")

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
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            server.shutdown()
