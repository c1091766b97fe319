"""A cloud for tests, on a port of this host: Keystone, Glance, and lists of Nova and Neutron."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PASSWORD = "sesame-for-tests"

LIMITS = {
    "maxTotalInstances": 10, "totalInstancesUsed": 4, "maxTotalCores": 20, "totalCoresUsed": 21,
    "maxTotalRAMSize": -1, "totalRAMUsed": 512, "maxServerGroups": 5, "totalServerGroupsUsed": 0,
}  # fmt: skip

NOW = datetime.now(UTC).isoformat()

Answer = tuple[int, Any]


@dataclass
class Cloud:
    """What it has, what it was asked (`calls`), and what it refuses (`refusals`).

    A refusal is a pattern of `METHOD path?query`, and the status and body to answer with.
    `neutron` has what else Neutron lists. `page` is how many entries a list has at once. `damage`
    makes Glance hash other bytes. Calls with `slow` in them take half a second.
    """

    url: str = ""
    roles: list[str] = field(default_factory=lambda: ["member", "reader"])
    services: list[str] = field(default_factory=lambda: ["compute", "image", "network"])
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    servers: list[dict[str, Any]] = field(default_factory=list)
    flavors: list[dict[str, Any]] = field(default_factory=list)
    networks: list[dict[str, Any]] = field(default_factory=list)
    neutron: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refusals: dict[str, Answer] = field(default_factory=dict)
    algorithm: str = "sha512"
    page: int = 1000
    damage: bool = False
    after_upload: str = "active"
    slow: str = ""

    def asked(self, pattern: str) -> list[str]:
        """The calls that match."""
        return [call for call in self.calls if re.search(pattern, call)]

    def refuse(self, pattern: str, status: int, body: Any) -> None:
        self.refusals[pattern] = status, body

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        call = f"{method} {target}"
        self.calls.append(call)
        if self.slow and self.slow in call:
            time.sleep(0.5)
        for pattern, refusal in self.refusals.items():
            if re.search(pattern, call):
                return refusal
        parts = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        service, _, path = parts.path.lstrip("/").partition("/")
        route: Callable[..., Answer] = getattr(self, f"_{service}")
        return route(method, path.rstrip("/"), query, body)

    def _identity(self, method: str, _path: str, _query: Any, body: bytes) -> Answer:
        if method == "GET":
            return 200, {"version": self._version("identity/v3", "v3.14")}
        given = json.loads(body)["auth"]["identity"]["password"]["user"]
        if given["password"] != PASSWORD:
            said = "The request you have made requires authentication."
            return 401, {"error": {"code": 401, "message": said, "title": "Unauthorized"}}
        catalog = [
            {
                "type": kind,
                "name": kind,
                "endpoints": [
                    {"interface": "public", "region": "here", "region_id": "here", "id": kind,
                     "url": f"{self.url}/{kind}{'/v2.1' if kind == 'compute' else ''}"}
                ],
            }
            for kind in self.services
        ]  # fmt: skip
        return 201, {
            "token": {
                "methods": ["password"],
                "expires_at": "2999-01-01T00:00:00.000000Z",
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "user": {"id": "u", "name": "test", "domain": {"id": "d", "name": "Default"}},
                "project": {"id": "p", "name": "ours", "domain": {"id": "d", "name": "Default"}},
                "roles": [{"id": role, "name": role} for role in self.roles],
                "catalog": catalog,
            }
        }

    def _version(self, place: str, number: str) -> dict[str, Any]:
        return {
            "id": number,
            "status": "CURRENT",
            "version": "2.96",
            "min_version": "2.1",
            "links": [{"rel": "self", "href": f"{self.url}/{place}/"}],
        }

    def _compute(self, method: str, path: str, query: dict[str, str], _body: bytes) -> Answer:
        match path.removeprefix("v2.1").lstrip("/"):
            case "":
                return 200, {"version": self._version("compute/v2.1", "v2.1")}
            case "flavors/detail":
                return 200, self._paged("flavors", self.flavors, query)
            case "servers/detail":
                found = [
                    server
                    for server in self.servers
                    if ("all_tenants" in query or server["tenant_id"] == "p")
                    and query.get("image", "") in {"", (server["image"] or {}).get("id")}
                ]
                return 200, self._paged("servers", found, query)
            case "os-server-groups":
                return 200, {"server_groups": []}
            case "limits":
                return 200, {"limits": {"absolute": LIMITS}}
            case one:
                return self._drop(method, self.servers, one)

    def _paged(self, key: str, entries: list[Any], query: dict[str, str]) -> dict[str, Any]:
        ids = [entry["id"] for entry in entries]
        start = ids.index(query["marker"]) + 1 if "marker" in query else 0
        page = {key: entries[start : start + self.page]}
        if start + self.page < len(entries):
            # an address that does not lead anywhere from outside, as behind a wrong proxy
            page[f"{key}_links"] = [{"rel": "next", "href": "http://inside.invalid/"}]
            page["next"] = "/v2/elsewhere"  # type: ignore[assignment]
        return page

    def _drop(self, method: str, found: list[dict[str, Any]], path: str) -> Answer:
        """The removal of one of a list."""
        there = [each for each in found if each["id"] == path.rpartition("/")[2]]
        if method == "DELETE" and there:
            found.remove(there[0])
            return 204, None
        return 404, {}

    def _network(self, method: str, path: str, query: dict[str, str], _body: bytes) -> Answer:
        match path.removeprefix("v2.0/"):
            case "networks":
                return 200, self._paged("networks", self.networks, query)
            case "quotas/p/details":
                plenty = {"limit": 100, "used": 2, "reserved": 1}
                names = ["network", "subnet", "port", "router", "security_group"]
                quota = dict.fromkeys(names, plenty)
                return 200, {"quota": quota | {"floatingip": {**plenty, "limit": -1}}}
            case one:
                kind, _, identity = one.partition("/")
                found = self.neutron.get(kind.replace("-", "_"), [])
                if identity:
                    return self._drop(method, found, one)
                return 200, self._paged(kind.replace("-", "_"), found, query)

    def _image(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        _, _, identity, action, last = [*path.split("/"), "", "", "", ""][:5]
        if path == "":
            return 300, {"versions": [self._version("image/v2", "v2.17")]}
        if method == "POST":
            made = json.loads(body) | {"status": "queued", "owner": "p", "created_at": NOW}
            self.images[made["id"]] = made
            return 201, made
        if identity and identity not in self.images:
            return 404, "<html><head><title>404 Not Found</title></head></html>"
        if identity:
            return self._one(method, self.images[identity], action, last, body)
        hidden = query.get("os_hidden") == "true"
        found = [each for each in self.images.values() if each["os_hidden"] == hidden]
        return 200, self._paged("images", found, query)

    def _one(
        self, method: str, image: dict[str, Any], action: str, last: str, body: bytes
    ) -> Answer:
        match method, action:
            case "PUT", "file":
                image["status"] = self.after_upload
                image["os_hash_algo"] = self.algorithm
                stored = body + b"!" if self.damage else body
                image["os_hash_value"] = hashlib.new(self.algorithm, stored).hexdigest()
            case "PUT", "tags":
                image["tags"].append(last)
            case "PATCH", _:
                for change in json.loads(body):
                    image[change["path"][1:]] = change["value"]
            case "DELETE", _:
                del self.images[image["id"]]
        return (200, image) if method in {"GET", "PATCH"} else (204, None)


def handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            status, body = cloud.answer(self.command, self.path, self.rfile.read(size))
            kind = "text/html" if isinstance(body, str) else "application/json"
            text = body if isinstance(body, str) else json.dumps(body) if body is not None else ""
            with contextlib.suppress(BrokenPipeError):  # who asked may have given up
                self._send(status, kind, text)

        def _send(self, status: int, kind: str, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("X-Subject-Token", "a-token")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def running(directory: Path) -> Iterator[tuple[Cloud, Path]]:
    """The cloud, and a clouds.yaml in which it is called `fake`."""
    cloud = Cloud()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(cloud)) as server:
        cloud.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        file = directory / "clouds.yaml"
        file.write_text(json.dumps({"clouds": {"fake": settings(cloud.url)}}))
        try:
            yield cloud, file
        finally:
            server.shutdown()
            thread.join()


def settings(url: str, password: str = PASSWORD) -> dict[str, Any]:
    """One cloud of clouds.yaml."""
    auth = {
        "auth_url": f"{url}/identity/v3", "username": "test", "password": password,
        "project_name": "ours", "user_domain_name": "Default", "project_domain_name": "Default",
    }  # fmt: skip
    return {"auth": auth, "region_name": "here"}
