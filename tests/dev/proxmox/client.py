"""A client of the lab's API: one connection, as a provider has it."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from dev.proxmox.guests import Guests
from dev.proxmox.server import Server
from dev.proxmox.site import HOST, Site

BOUNDARY = "boundary-of-a-test"
Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is empty where there is none."""

    status: int
    reason: str
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"]


class Client:
    """Sends requests with one token, `user@realm!name=secret`, or with none."""

    def __init__(self, server: Server, token: str) -> None:
        context = ssl.create_default_context(cafile=str(server.lab.site.authority))
        self._token = token
        port = server.server_port
        self._connection = http.client.HTTPSConnection(HOST, port, context=context, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def send(
        self, method: str, path: str, fields: Fields = (), file: tuple[str, Path] | None = None
    ) -> Answer:
        """Send a request; an upload has a `file`, as its name and content."""
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"PVEAPIToken={self._token}"
        url, body = f"/api2/json{quote(path, safe='/:!')}", None
        if file:
            headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
            body = _multipart(fields, *file)
        elif method in {"POST", "PUT"}:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(fields).encode()
        elif fields:
            url += f"?{urlencode(fields)}"
        self._connection.request(method, url, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        return Answer(answer.status, answer.reason, json.loads(text) if text else "")

    def get(self, path: str, **fields: str) -> Any:
        """The data of an answer that is no refusal."""
        answer = self.send("GET", path, list(fields.items()))
        assert answer.status == 200, answer
        return answer.data

    def wait(self, upid: str, seconds: float = 90) -> dict[str, Any]:
        """The status of a task that has ended."""
        end = time.monotonic() + seconds
        path = f"/nodes/{upid.split(':')[1]}/tasks/{upid}/status"
        while (found := self.get(path))["status"] == "running":
            assert time.monotonic() < end, f"{upid} does not end"
            time.sleep(0.01)
        status: dict[str, Any] = found
        return status

    def do(
        self, method: str, path: str, file: tuple[str, Path] | None = None, /, **fields: str
    ) -> str:
        """The exit status of a task."""
        answer = self.send(method, path, list(fields.items()), file)
        assert answer.status == 200, answer
        return str(self.wait(answer.data)["exitstatus"])


def _multipart(fields: Fields, name: str, file: Path) -> bytes:
    parts = [f'name="{key}"\r\n\r\n{value}'.encode() for key, value in fields]
    start = f'name="filename"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
    parts.append(start.encode() + file.read_bytes())
    before = f"--{BOUNDARY}\r\nContent-Disposition: form-data; ".encode()
    return b"".join(before + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


@contextmanager
def running(site: Site, guests: Guests) -> Iterator[Server]:
    """A lab that answers, whose tasks take no longer than they must."""
    server = Server(site, guests, task_seconds=0, restart_seconds=3600)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
