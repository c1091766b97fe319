"""A cloud for tests: Keystone, Nova, Neutron and Glance, over HTTP or in memory.

It has one project of its own, `p` (`ours`), and in it, from the beginning, a server `server-1` with
its port `port-1` and the subnets of that. Ids of new objects are numbered from 2.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

PASSWORD = "sesame-for-tests"

LIMITS = {
    "maxTotalInstances": 10, "totalInstancesUsed": 4, "maxTotalCores": 20, "totalCoresUsed": 21,
    "maxTotalRAMSize": -1, "totalRAMUsed": 512, "maxServerGroups": 5, "totalServerGroupsUsed": 0,
}  # fmt: skip

PLENTY = {"limit": 100, "used": 2, "reserved": 1}  # of Neutron's
SOME = {"limit": 10, "in_use": 2, "reserved": 1, "allocated": 0}  # of Cinder's
FIXED: dict[str, Any] = {
    "limits": {"limits": {"absolute": LIMITS}},
    "quotas/p/details": {
        "quota": {
            **dict.fromkeys(["network", "subnet", "port", "router", "security_group"], PLENTY),
            "floatingip": {**PLENTY, "limit": -1},
        }
    },
    "p/os-quota-sets/p": {
        "quota_set": {
            "id": "p",
            "volumes": SOME,
            "gigabytes": {**SOME, "limit": 100},
            "per_volume_gigabytes": SOME,
        }
    },
}
"""What is the same in each test, by its path."""

NOW = datetime.now(UTC).isoformat()
VERSIONS = {"compute": "v2.1", "network": "v2.0", "image": "v2", "volumev3": "v3"}
PLACES = {"compute": "/v2.1", "volumev3": "/v3/p"}  # of a service, where the catalogue has one
PLAIN = {
    "fields",
    "marker",
    "limit",
    "project_id",
    "all_tenants",
    "image",
    "tag",
    "owner",
    "sort_key",
    "sort_dir",
}
"""Parts of a query that are no filter by a field."""

Answer = tuple[int, Any]
Thing = dict[str, Any]


def server(number: str = "server-1", **more: Any) -> Thing:
    return {
        "id": number,
        "name": "web-6h0ir2lm-a1",
        "status": "ACTIVE",
        "image": {"id": "image-1"},
        "flavor": {"original_name": "s1.tiny"},
        "addresses": {"private": [{"addr": "10.0.2.15"}]},
        "metadata": {},
        "tenant_id": "p",
        **more,
    }


def port(number: str = "port-1", device: str = "", *addresses: str, **more: Any) -> Thing:
    fixed = [
        {"ip_address": each, "subnet_id": "subnet-6" if ":" in each else "subnet-4"}
        for each in addresses
    ]
    return {
        "id": number, "device_id": device, "device_owner": "", "fixed_ips": fixed,
        "network_id": "private", "description": "", "tags": [], "name": "",
        "security_groups": ["group-1"], "status": "ACTIVE", **more,
    }  # fmt: skip


def group(*rules: Thing, **more: Any) -> Thing:
    """A security group, by default one that lets everything out, and SSH in."""
    out = [{"direction": "egress", "ethertype": kind} for kind in ("IPv4", "IPv6")]
    ssh = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp",
           "port_range_min": 22, "port_range_max": 22}  # fmt: skip
    return {
        "id": "group-1", "name": "dev-0123abcd", "description": "", "tags": [],
        "security_group_rules": [*rules] or [*out, ssh], **more,
    }  # fmt: skip


@dataclass
class Cloud:
    """Its `things` by collection and id, the `calls` it got, and what it refuses.

    `page` is how many entries a list has at once. `damage` makes Glance hash other bytes. Calls
    with `slow` in them take half a second. `born` is the status of new servers.
    """

    url: str = "http://cloud.invalid"
    roles: list[str] = field(default_factory=lambda: ["member", "reader"])
    services: list[str] = field(default_factory=lambda: ["compute", "image", "network"])
    things: dict[str, dict[str, Thing]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refusals: list[list[Any]] = field(default_factory=list)
    algorithm: str = "sha512"
    page: int = 1000
    damage: bool = False
    after_upload: str = "active"
    slow: str = ""
    born: str = "ACTIVE"
    console: str = ""
    elsewhere: dict[str, str] = field(default_factory=dict)  # other addresses of services
    regions: dict[str, str] = field(default_factory=dict)  # other regions of services
    interfaces: dict[str, str] = field(default_factory=dict)  # and other interfaces
    members: dict[str, dict[str, str]] = field(default_factory=dict)  # of images, by project
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2))
    issued: int = 0  # tokens; the last is `token`
    revoked: set[str] = field(default_factory=set)  # tokens that no service takes any more
    lifetime: str = "2999-01-01T00:00:00.000000Z"  # the end of that of new tokens

    def __post_init__(self) -> None:
        self.put("servers", server())
        self.put("ports", port("port-1", "server-1", "10.0.2.15"))
        self.put("security_groups", group())
        for number, cidr in {"subnet-4": "10.0.2.0/24", "subnet-6": "fd66::/64"}.items():
            own = {"name": number, "network_id": "private", "description": "", "tags": []}
            self.put("subnets", {"id": number, "cidr": cidr, **own})

    def put(self, collection: str, *things: Thing) -> None:
        """Add objects."""
        self.things.setdefault(collection, {}).update({each["id"]: each for each in things})

    def only(self, collection: str, *things: Thing) -> None:
        """Let a collection have these objects alone."""
        self.things[collection] = {}
        self.put(collection, *things)

    def ids(self, *collections: str) -> dict[str, set[str]]:
        """The ids of what there is."""
        chosen = collections or ("servers", "ports", "floatingips")
        return {name: {*self.things.get(name, {})} for name in chosen}

    def floating(self, **given: Any) -> Thing:
        """A floating IP that exists."""
        number = next(self.numbers)
        made = {
            "id": f"fip-{number}", "floating_ip_address": f"203.0.113.{number}", "port_id": None,
            "description": "", "tags": [], **given,
        }  # fmt: skip
        self.put("floatingips", made)
        return made

    @property
    def images(self) -> dict[str, Thing]:
        return self.things.setdefault("images", {})

    def asked(self, pattern: str) -> list[str]:
        """The calls that match."""
        return [call for call in self.calls if re.search(pattern, call)]

    def refuse(self, pattern: str, status: int, body: Any, times: float = float("inf")) -> None:
        """Answer calls that match with a status; a text is an error's message, or HTML."""
        if isinstance(body, str) and not body.startswith("<"):
            body = {"error": {"message": body}}
        self.refusals.append([pattern, status, body, times])

    @property
    def token(self) -> str:
        return f"token-{self.issued}"

    def takes(self, target: str, token: str | None) -> bool:
        """Whether a service answers to a token."""
        return target.startswith("/identity") or token not in self.revoked

    def service(self, name: str) -> Any:
        """A service in memory, in the place of an SDK's proxy."""
        return Service(self, name)

    @property
    def compute(self) -> Any:
        return self.service("compute")

    @property
    def network(self) -> Any:
        return self.service("network")

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        call = f"{method} {target}"
        self.calls.append(call)
        if self.slow and self.slow in call:
            time.sleep(0.5)
        for refusal in self.refusals:
            pattern, status, said, times = refusal
            if times and re.search(pattern, call):
                refusal[3] = times - 1
                return status, said
        parts = urlsplit(target)
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        service, _, path = parts.path.lstrip("/").partition("/")
        path = path.rstrip("/")
        if service == "identity":
            return self._identity(method, body)
        rest = path.removeprefix(VERSIONS[service]).lstrip("/")
        if rest == "" or path == "v2.17":
            found = {"version": self._version(f"{service}/{VERSIONS[service]}", VERSIONS[service])}
            return (200, found) if service == "compute" else (300, {"versions": [*found.values()]})
        if rest in FIXED:
            return 200, FIXED[rest]
        given: Callable[..., Answer] = self._image if service == "image" else self._thing
        return given(method, rest, query, body)

    def _thing(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        """An object of Nova's or Neutron's, or a list of them."""
        name, number, action = [*path.split("/"), "", ""][:3]
        key = name.removeprefix("os-").replace("-", "_")
        things, one = self.things.setdefault(key, {}), key[:-1]
        if number in {"", "detail"}:
            if method == "POST":
                made = self._make(key, json.loads(body)[one])
                return 201, {one: made}
            return 200, self._paged(key, [t for t in things.values() if listed(t, query)], query)
        if number not in things:
            return 404, {"itemNotFound": {"message": f"no {number}"}}
        found = things[number]
        match method, action:
            case "DELETE", _:
                del things[number]
                return 204, None
            case "POST", "action":
                return self._act(found, json.loads(body))
            case "PUT", _:
                given = json.loads(body)
                found.update(given if action == "tags" else given[one])
        return 200, {one: copy.deepcopy(found)}

    def _act(self, found: Thing, action: dict[str, Any]) -> Answer:
        """Show a server's console, or start it."""
        if "os-getConsoleOutput" in action:
            return 200, {"output": self.console}
        if found["status"] == "ACTIVE":
            return 409, {"conflictingRequest": {"message": "it runs already"}}
        found["status"] = "ACTIVE"
        return 202, None

    def _make(self, key: str, given: Thing) -> Thing:
        if key == "floatingips":
            return self.floating(**given)
        number = f"{key[:-1]}-{next(self.numbers)}"
        if key == "ports":
            made = port(number, "", "10.0.2.16", **given)
        else:
            fault = {"message": "No valid host was found. "}
            plugged = self.things["ports"][given["networks"][0]["port"]]
            addresses = [{"addr": each["ip_address"]} for each in plugged["fixed_ips"]]
            own = {"status": self.born, "fault": fault, "addresses": {"private": addresses}}
            made = server(number, **given) | own
            plugged["device_id"] = number
        self.put(key, made)
        return made

    def _image(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        _, number, action, last = [*path.split("/"), "", "", ""][:4]
        if method == "POST":
            made = json.loads(body) | {"status": "queued", "owner": "p", "created_at": NOW}
            self.put("images", made)
            return 201, made
        if action == "members":
            return self._members(self.members.get(number, {}), last)
        if not number:
            hidden = query.get("os_hidden") == "true"
            chosen = query.get("id", "").removeprefix("in:").split(",") if "id" in query else None
            found = [
                each
                for each in self.images.values()
                if each["os_hidden"] == hidden
                and query.get("owner", each.get("owner")) == each.get("owner")
                and (chosen is None or each["id"] in chosen)
            ]
            return 200, self._paged("images", found, query)
        if number not in self.images:
            return 404, "<html><head><title>404 Not Found</title></head></html>"
        image = self.images[number]
        match method, action:
            case "PUT", "file":
                image["status"] = self.after_upload
                image["os_hash_algo"] = self.algorithm
                stored = body + b"!" if self.damage else body
                image["os_hash_value"] = hashlib.new(self.algorithm, stored).hexdigest()
            case "PUT", "tags":
                image["tags"].append(last)
            case "DELETE", "tags":
                if last not in image["tags"]:
                    return 404, "<html><head><title>404 Not Found</title></head></html>"
                image["tags"].remove(last)
            case "PATCH", _:
                for change in json.loads(body):
                    image[change["path"][1:]] = change["value"]
            case "DELETE", _:
                del self.images[number]
        return (200, image) if method in {"GET", "PATCH"} else (204, None)

    def _members(self, known: Mapping[str, str], project: str) -> Answer:
        if not project:
            return 200, {"members": [membership(*each) for each in known.items()]}
        return (200, membership(project, known[project])) if project in known else (404, None)

    def _paged(self, key: str, entries: list[Any], query: dict[str, str]) -> dict[str, Any]:
        ids = [entry["id"] for entry in entries]
        start = ids.index(query["marker"]) + 1 if "marker" in query else 0
        page: dict[str, Any] = {key: copy.deepcopy(entries[start : start + self.page])}
        if start + self.page < len(entries):
            # an address that does not lead anywhere from outside, as behind a wrong proxy
            page[f"{key}_links"] = [{"rel": "next", "href": "http://inside.invalid/"}]
            page["next"] = "/v2/elsewhere"
        return page

    def _identity(self, method: str, body: bytes) -> Answer:
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
                    {"interface": self.interfaces.get(kind, "public"), "id": kind,
                     "region": self.regions.get(kind, "here"),
                     "region_id": self.regions.get(kind, "here"),
                     "url": self.elsewhere.get(
                         kind, f"{self.url}/{kind}{PLACES.get(kind, '')}")}
                ],
            }
            for kind in self.services
        ]  # fmt: skip
        self.issued += 1
        return 201, {
            "token": {
                "methods": ["password"],
                "expires_at": self.lifetime,
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "user": {"id": "u", "name": "test", "domain": {"id": "d", "name": "Default"}},
                "project": {"id": "p", "name": "ours", "domain": {"id": "d", "name": "Default"}},
                "roles": [{"id": role, "name": role} for role in self.roles],
                "catalog": catalog,
            }
        }

    def _version(self, place: str, number: str) -> dict[str, Any]:
        return {
            "id": number, "status": "CURRENT", "version": "2.96", "min_version": "2.1",
            "links": [{"rel": "self", "href": f"{self.url}/{place}/"}],
        }  # fmt: skip


def membership(project: str, status: str) -> Thing:
    """As Glance shows it."""
    return {"member_id": project, "status": status}


def listed(thing: Thing, query: Mapping[str, str]) -> bool:
    """Whether a list with a query shows an object."""
    if thing.get("tenant_id", "p") != "p" and "all_tenants" not in query:
        return False
    if "image" in query and query["image"] != (thing["image"] or {}).get("id"):
        return False
    filters = {key: value for key, value in query.items() if key not in PLAIN}
    return all(re.fullmatch(value, str(thing.get(key))) for key, value in filters.items())


def encoded(body: Any) -> tuple[str, str]:
    """The content type and the text of an answer."""
    if isinstance(body, str):
        return "text/html", body
    return "application/json", "" if body is None else json.dumps(body)


@dataclass(frozen=True)
class Service:
    """One service, as far as flakeship.targets.openstack.api.rest uses a proxy of the SDK's."""

    cloud: Cloud
    service_type: str

    @property
    def endpoint_override(self) -> str:
        return f"{self.cloud.url}/{self.service_type}/{VERSIONS[self.service_type]}"

    @property
    def session(self) -> Any:
        """That of a login which never ends."""
        access = SimpleNamespace(auth_token="a-token", project_id="p")
        return SimpleNamespace(auth=SimpleNamespace(get_access=lambda _: access))

    def get_project_id(self) -> str:
        return "p"

    def request(
        self,
        path: str,
        method: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: object = None,
        data: Iterable[bytes] = (),
        **_: object,
    ) -> requests.Response:
        target = urlsplit(self.endpoint_override).path + path
        target += f"?{urlencode(params, doseq=True)}" if params else ""
        sent = globals()["json"].dumps(json).encode() if json is not None else b"".join(data)
        status, body = self.cloud.answer(method, target, sent)
        response = requests.Response()
        response.request = requests.Request(method, f"{self.cloud.url}{target}").prepare()
        response.status_code = status
        kind, text = encoded(body)
        response.headers["Content-Type"] = kind
        response._content = text.encode()
        return response


def handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two packets

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            status, body = cloud.answer(self.command, self.path, self.rfile.read(size))
            if not cloud.takes(self.path, self.headers.get("X-Auth-Token")):
                status, body = 401, {"error": {"code": 401, "message": "token revoked"}}
            with contextlib.suppress(BrokenPipeError):  # who asked may have given up
                self._send(status, *encoded(body))

        def _send(self, status: int, kind: str, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("X-Subject-Token", cloud.token)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def running(directory: Path) -> Iterator[tuple[Cloud, Path]]:
    """The cloud on a port of this host, and a clouds.yaml in which it is called `fake`."""
    cloud = Cloud()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(cloud)) as http:
        cloud.url = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        file = directory / "clouds.yaml"
        file.write_text(json.dumps({"clouds": {"fake": settings(cloud.url)}}))
        try:
            yield cloud, file
        finally:
            http.shutdown()
            thread.join()


def settings(url: str, password: str = PASSWORD) -> dict[str, Any]:
    """One cloud of clouds.yaml."""
    auth = {
        "auth_url": f"{url}/identity/v3", "username": "test", "password": password,
        "project_name": "ours", "user_domain_name": "Default", "project_domain_name": "Default",
    }  # fmt: skip
    return {"auth": auth, "region_name": "here"}
