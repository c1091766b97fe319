"""The API's schema: which methods there are, and whether a request is valid.

api.json is an extract (extract.py) of the schema that Proxmox VE publishes with its documentation
(pve-docs, api-viewer/apidata.js; AGPL-3): 8.4 from its commit 46601a3, 9.2 from e5010dc, which is
9.1.3's, as that of 9.2 itself has not been published there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dev.proxmox.errors import PveError, invalid

FILE = Path(__file__).with_name("api.json")
CREATE = "POST /nodes/{node}/qemu"
UNKNOWN = "property is not defined in schema and the schema does not allow additional properties"
MISSING = "property is missing and it is not optional"
TRUE = {"1", "on", "yes", "true"}
TYPES = {"integer": r"[+-]?\d+", "number": r"[+-]?\d+(\.\d+)?",
         "boolean": "1|on|yes|true|0|off|no|false"}  # fmt: skip
NAME = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
FORMATS = {
    "pve-vmid": (r"[1-9][0-9]{2,8}", "value does not look like a valid VM ID"),
    "pve-node": (NAME, "value does not look like a valid node name"),
    "pve-storage-id": (r"[A-Za-z][\w.-]*[A-Za-z0-9]", "storage ID contains illegal characters"),
    "dns-name": (rf"{NAME}(\.{NAME})*", "value does not look like a valid DNS name"),
    "mac-addr": (r"[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}",
                 "value does not look like a valid unicast MAC address"),
    "disk-size": (r"\d+(\.\d+)?[KMGT]?", "value does not look like a valid disk size"),
    "urlencoded": (r"[-%A-Za-z0-9_.!~*'()]*", "invalid urlencoded string"),
    "pve-tag-list": (r"([A-Za-z0-9_][A-Za-z0-9_.+-]*[ ,;]*)*", "invalid characters in tag"),
}  # fmt: skip
"""Formats that the schema only names: what they allow, and what is said of anything else."""
ADDRESSES = {key: {"optional": 1} for key in ("ip", "gw", "ip6", "gw6")}
Parameter = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """One method of the API; `name` is `GET /nodes/{node}`."""

    name: str
    check: list[Any] | None
    """The privileges, as an expression (access.py); None where the method itself decides."""
    parameters: Mapping[str, Parameter]

    def parameter(self, name: str) -> Parameter | None:
        """The description of a parameter; `net0` is one of `net[n]`."""
        many = re.sub(r"(0|[1-9]\d*)$", "[n]", name)
        return self.parameters.get(name, self.parameters.get(many))

    def verified(self, given: Mapping[str, str]) -> dict[str, str]:
        """Parameters that are valid, booleans as 0 and 1. Raises PveError (400)."""
        described = {name: self.parameter(name) for name in given}
        errors = {
            name: MISSING
            for name, each in self.parameters.items()
            if not each.get("optional") and name not in given and "[n]" not in name
        }
        taken = {}
        for name, value in given.items():
            each = described[name]
            fault = UNKNOWN if each is None else fault_of(name, value, each)
            if fault:
                errors[name] = fault
            elif each and each.get("type") == "boolean":
                taken[name] = str(int(value.lower() in TRUE))
            else:
                taken[name] = value
        if errors:
            raise invalid(errors)
        return taken


def fault_of(name: str, value: str, described: Parameter) -> str:
    """What is wrong with a value, empty where nothing is."""
    form = described.get("format", "")
    if form == "pve-qm-ipconfig":
        form = ADDRESSES
    if isinstance(form, dict):
        return _fault_of_parts(name, value, form)
    return next(_faults(value, described, *FORMATS.get(form, (".*", ""))), "")


def _faults(value: str, described: Parameter, allowed: str, text: str) -> Iterator[str]:
    kind = described.get("type", "")
    if not re.fullmatch(allowed, value, re.DOTALL):
        yield f"invalid format - {text}\n"
    if not re.fullmatch(TYPES.get(kind, ".*"), value.lower(), re.DOTALL):
        yield f"type check ('{kind}') failed - got '{value}'"
    for limit, wrong in (("minimum", float.__lt__), ("maximum", float.__gt__)):
        if limit in described and wrong(float(value), float(described[limit])):
            yield f"value must have a {limit} value of {described[limit]}"
    words = [str(each) for each in described.get("enum", [value])]
    if value not in words:
        yield f"value '{value}' does not have a value in the enumeration '{', '.join(words)}'"
    if len(value) > int(described.get("maxLength", len(value))):
        yield f"value may only be {described['maxLength']} characters long"
    # Perl writes (?^i:…) for a group with flags
    pattern = str(described.get("pattern", ".*")).replace("(?^", "(?")
    if not re.search(f"^(?:{pattern})$", value, re.DOTALL):
        yield "value does not match the regex pattern"


def _fault_of_parts(name: str, value: str, form: Parameter) -> str:
    try:
        parts = parsed(value, form)
    except ValueError as error:
        return f"invalid format - {error}\n"
    faults = {key: fault_of(f"{name}.{key}", part, form[key]) if key in form else UNKNOWN
              for key, part in parts.items()}  # fmt: skip
    needed = {key for key, each in form.items() if not {"optional", "alias"} & set(each)}
    faults |= dict.fromkeys(needed - set(parts), MISSING)
    texts = "".join(f"{name}.{key}: {fault.rstrip()}\n" for key, fault in faults.items() if fault)
    return f"invalid format - format error\n{texts}" if texts else ""


def parsed(text: str, form: Parameter) -> dict[str, str]:
    """The keys and values of a property string such as `virtio,bridge=vmbr0`. Raises ValueError."""
    default = next((key for key, each in form.items() if each.get("default_key")), None)
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        key, given, value = part.partition("=")
        if given:
            described = form.get(key, {})
            if "keyAlias" in described:
                found[described["keyAlias"]] = key
            found[described.get("alias", key)] = value
        elif default and default not in found:
            found[default] = part
        else:
            raise ValueError("value without key, but schema does not define a default key")
    return found


class Schema:
    """The methods of one version, `8.4` or `9.2`."""

    def __init__(self, version: str) -> None:
        content = json.loads(FILE.read_text())
        table = content["parameters"]
        self._methods = [
            Method(name, each["check"], {key: table[at] for key, at in each["parameters"].items()})
            for name, each in content[version].items()
        ]
        checks = json.dumps([method.check for method in self._methods])
        self.privileges = set(re.findall(r'"([A-Z]\w+\.[\w.]+)"', checks))
        """All that a method asks for."""
        self._methods.sort(key=lambda method: method.name.count("{"))
        self._patterns = [(_pattern(method.name), method) for method in self._methods]
        self._create = next(method for method in self._methods if method.name == CREATE)

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]]:
        """The method of a request, and the parameters in its path. Raises PveError (501)."""
        for pattern, method in self._patterns:
            if found := pattern.fullmatch(f"{verb} {path}"):
                return method, found.groupdict()
        raise PveError(f"Method '{verb} {path}' not implemented", 501)

    def parts(self, option: str, value: str) -> dict[str, str]:
        """The parts of an option of a VM that is a property string, such as `net0`."""
        return parsed(value, (self._create.parameter(option) or {})["format"])

    def typed(self, option: str, value: str) -> str | int:
        """An option of a VM as the API returns it: numbers and booleans as numbers."""
        kind = (self._create.parameter(option) or {}).get("type")
        return int(value) if kind in {"integer", "boolean"} else value


def _pattern(name: str) -> re.Pattern[str]:
    """A method's name as a pattern; a volume may have slashes in it, a path may end with one."""

    def part(found: re.Match[str]) -> str:
        return f"(?P<{found[1]}>{'.+' if found[1] == 'volume' else '[^/]+'})"

    return re.compile(re.sub(r"\{(\w+)\}", part, name) + "/?")
