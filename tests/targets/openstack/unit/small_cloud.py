"""Nova and Neutron in memory, as far as a verification needs them: it stands for flakeship's rest.

Ids are numbered; a network `private` has the ports of the servers, the pool is `public`.
"""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any

from openstack import exceptions

from flakeship.model.ports import Port
from flakeship.targets.openstack.requests import Bastion, Owner, VerifyServerRequest
from flakeship.verify.request import VerifyRequest
from tests.unit.verify.machines import ED25519

TOPLEVEL = "/nix/store/6h0ir2lm2jwxp9z0sp28vk6g3s9flfkv-nixos-system-web-26.11"
MARKS = Owner("dev", "web", "web-6h0ir2lm")
REVIEW = VerifyServerRequest(
    cloud="fake",
    marks=MARKS,
    server="server-1",
    port="port-1",
    flavor="s1.tiny",
    image="image-1",
    reach="floating",
    stable="",
    pool="public",
    verify=VerifyRequest(
        machine="web-6h0ir2lm-a1",
        ports=[Port(port=80, protocol="http")],
        user="nixos",
        identity="",
        toplevel=TOPLEVEL,
        disk=4096,
    ),
)
JUMP = Bastion("web-old", "203.0.113.9", "nixos", [ED25519])
CIDRS = {"subnet-4": "10.0.2.0/24", "subnet-6": "fd66::/64"}


class SmallCloud:
    """What it has by kind and id, what it was asked to change, and what it refuses.

    `moment` is what it had when the checks ran. `refusals` maps a pattern of `METHOD path` to how
    often it fails, with which status, and what is said.
    """

    def __init__(self) -> None:
        self.numbers = itertools.count(2)
        self.things: dict[str, dict[str, dict[str, Any]]] = {
            "servers": {"server-1": server("server-1", "port-1")},
            "ports": {"port-1": port("server-1", "10.0.2.15")},
            "floatingips": {},
        }
        self.calls: list[str] = []
        self.refusals: dict[str, tuple[int, int, str]] = {}
        self.born = "ACTIVE"
        self.moment: dict[str, dict[str, Any]] = {}
        self.console = ""

    def floating(self, **given: Any) -> dict[str, Any]:
        """A floating IP that is there."""
        number = next(self.numbers)
        made = {
            "id": f"fip-{number}",
            "floating_ip_address": f"203.0.113.{number}",
            "port_id": None,
            "description": "",
            "tags": [],
            **given,
        }
        self.things["floatingips"][made["id"]] = made
        return made

    def ask(self, _service: Any, method: str, path: str, **given: Any) -> dict[str, Any]:
        call = f"{method} {path}"
        self.calls.append(call)
        for pattern, (times, status, said) in self.refusals.items():
            if times and re.search(pattern, call):
                self.refusals[pattern] = (times - 1, status, said)
                raise error(status, said)
        _, kind, number, action, *_ = [*path.split("/"), "", ""]
        body = given.get("json") or {}
        if kind == "subnets":
            return {"subnet": {"cidr": CIDRS[number]}}
        if action == "action":
            return {"output": self.console}
        if method == "POST":
            return {kind[:-1]: self._make(kind, body[kind[:-1]])}
        if number not in self.things[kind]:
            raise error(404, f"no {number}")
        if method == "DELETE":
            del self.things[kind][number]
            return {}
        found = self.things[kind][number]
        if method == "PUT":
            found.update(body if action == "tags" else body[kind[:-1]])
        return {kind[:-1]: copy.deepcopy(found)}

    def every(self, _service: Any, path: str, key: str, query: Any = None) -> list[dict[str, Any]]:
        self.calls.append(f"GET {path}")
        return [
            copy.deepcopy(each)
            for each in self.things[key].values()
            if all(re.fullmatch(value, str(each[name])) for name, value in (query or {}).items())
        ]

    def _make(self, kind: str, wish: dict[str, Any]) -> dict[str, Any]:
        if kind == "floatingips":
            return self.floating(**wish)
        number = f"{kind[:-1]}-{next(self.numbers)}"
        if kind == "ports":
            made = port("", "10.0.2.16") | wish | {"id": number}
        else:
            made = server(number, wish["networks"][0]["port"]) | wish
            made["status"] = self.born
            made["fault"] = {"message": "No valid host was found. "}
            self.things["ports"][wish["networks"][0]["port"]]["device_id"] = number
        self.things[kind][number] = made
        return made


def error(status: int, said: str) -> exceptions.HttpException:
    kind = exceptions.NotFoundException if status == 404 else exceptions.HttpException
    return kind(message=said, http_status=status, details=said)


def server(number: str, _port: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": "web-6h0ir2lm-a1",
        "status": "ACTIVE",
        "image": {"id": "image-1"},
        "flavor": {"original_name": "s1.tiny"},
        "addresses": {"private": [{"addr": "10.0.2.15"}]},
        "metadata": {},
    }


def port(device: str, *addresses: str) -> dict[str, Any]:
    fixed = [
        {"ip_address": each, "subnet_id": "subnet-6" if ":" in each else "subnet-4"}
        for each in addresses
    ]
    return {"id": "port-1", "device_id": device, "fixed_ips": fixed, "description": "", "tags": []}
