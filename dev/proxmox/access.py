"""Users, tokens, pools, and the privileges on paths: who may do what."""

from __future__ import annotations

import re
import secrets
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dev.proxmox.errors import PveError, denied
from dev.proxmox.site import Site

ROOT, OPERATOR, AUTOMATION = "root@pam", "root@pam!lab", "iac@pve!ci"
POOL = "iac"
GUEST = {"8.4": ("VM.Monitor",), "9.2": ("VM.GuestAgent.Audit", "VM.GuestAgent.FileRead")}
CONFIG = "Disk CPU Memory Network HWType Options CDROM Cloudinit"
VM = ["VM.Allocate", "VM.Audit", "VM.Clone", "VM.PowerMgmt", "Pool.Audit",
      *(f"VM.Config.{each}" for each in CONFIG.split())]  # fmt: skip
STORAGE = [
    f"Datastore.{each}" for each in ("AllocateSpace", "Audit", "AllocateTemplate", "Allocate")
]
Grants = list[tuple[str, str, list[str]]]
"""A path, a user or a token, and its privileges there and below."""
TOKEN = re.compile(r"([^\s:/@]+@[^\s:/!]+)!([A-Za-z][A-Za-z0-9.\-_]+)")


def least_privilege(version: str) -> dict[str, list[str]]:
    """The privileges that a stack's whole life needs, by path, and with which a console is shown.

    Those of Pulumi's plugin were seen to be enough with the genuine API.
    """
    return {f"/pool/{POOL}": [*VM, *GUEST[version], "VM.Console"], "/storage/local": STORAGE,
            "/sdn/zones/localnetwork/vmbr0": ["SDN.Use"],
            } | ({"/vms": ["VM.Config.Options"]} if version == "9.2" else {})  # fmt: skip


class Access:
    """What access.json and pools.json hold; both are read at each request, for a person to edit."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._lock = threading.Lock()
        if not (site.folder / "access.json").exists():
            self.add_token(OPERATOR, None)
            self.add_token(AUTOMATION, least_privilege(site.version))
            site.write("pools.json", {POOL: []})

    def add_token(self, name: str, grants: Mapping[str, Sequence[str]] | None) -> str:
        """Create or replace a token and return it as `user@realm!name=secret`.

        It and its user have these privileges by path, and no others; None stands for all that the
        user has, without privilege separation.
        """
        if not (found := TOKEN.fullmatch(name)):
            raise PveError(f"'{name}' is not a token such as {AUTOMATION}")
        content, identities = self._content(), {name, found[1]}
        content["tokens"][name] = {"secret": str(uuid.uuid4()), "privsep": grants is not None}
        if grants is not None:
            content["grants"] = [each for each in content["grants"] if each[1] not in identities]
            content["grants"] += [[path, who, list(privileges)] for who in identities
                                  for path, privileges in grants.items()]  # fmt: skip
        self._site.write("access.json", content)
        return self.token(name)

    def token(self, name: str) -> str:
        """An existing token as `user@realm!name=secret`. Raises PveError."""
        if name not in (tokens := self._content()["tokens"]):
            raise PveError(f"there is no token {name}")
        return f"{name}={tokens[name]['secret']}"

    def identify(self, header: str) -> str:
        """Whose token an Authorization header has. Raises PveError (401)."""
        if not (given := re.fullmatch(r"PVEAPIToken=([^=]*)(?:=(.*))?", header)):
            raise PveError("No ticket", 401)
        name, tokens = given[1], self._content()["tokens"]
        if name in tokens and secrets.compare_digest(tokens[name]["secret"], given[2] or ""):
            return name
        if self._site.version == "9.2":
            text = "Authentication failed!"
        elif not (parts := TOKEN.fullmatch(name)):
            text = f"'{name}' is not a valid token ID - not able to split into user and token parts"
        elif not any(each.startswith(f"{parts[1]}!") for each in tokens):
            text = f"no such user ('{parts[1]}')"
        elif name not in tokens:
            text = f"no such token '{parts[2]}' for user '{parts[1]}'"
        else:
            text = "invalid token value!"
        raise PveError(text, 401)

    def may(self, who: str, path: str, *privileges: str, some: bool = False) -> bool:
        """Whether somebody has all privileges on a path, or `some` of them."""
        content, user = self._content(), who.partition("!")[0]
        identities = {user, who} if content["tokens"][who]["privsep"] else {user}
        held = [self._held(content["grants"], each, path) for each in identities if each != ROOT]
        missing = {each for each in privileges if not all(each in own for own in held)}
        return len(missing) < len(privileges) if some else not missing

    def demand(self, who: str, path: str, *privileges: str, some: bool = False) -> None:
        """Raise PveError (403), naming what is missing."""
        if not self.may(who, path, *privileges, some=some):
            lacking = [each for each in privileges if not self.may(who, path, each)]
            raise denied(f"{path}, {'|'.join(privileges) if some else lacking[0]}")

    def of_vm(self, who: str, vmid: int, pool: str | None) -> Callable[..., None]:
        """What demands privileges on a VM, or on the pool that it is in or will be in."""

        def demand(*privileges: str, some: bool = False) -> None:
            if not (pool and self.may(who, f"/pool/{pool}", *privileges, some=some)):
                self.demand(who, f"/vms/{vmid}", *privileges, some=some)

        return demand

    def demand_new(self, who: str, vmid: int, pool: str | None) -> None:
        """Raise PveError unless somebody may create a VM, in a pool that exists."""
        paths = [f"/vms/{vmid}", *([f"/pool/{pool}"] if pool else [])]
        if not any(self.may(who, path, "VM.Allocate") for path in paths):
            raise denied()
        if pool and pool not in self.pools():
            raise PveError(f"pool '{pool}' does not exist")

    def check(self, who: str, expression: Sequence[Any], given: Mapping[str, str]) -> None:
        """Evaluate an expression of the schema's. Raises PveError (403)."""
        verb, *rest = expression
        if verb == "and":
            for each in rest:
                self.check(who, each, given)
        elif verb == "or":
            if not any(self._passes(who, each, given) for each in rest):
                raise denied()
        else:
            path, privileges, *options = rest
            if "require_param" in options and options[-1] not in given:
                raise denied()
            path = re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], ""), path)
            self.demand(who, path, *privileges, some="any" in options)

    def _passes(self, who: str, expression: Sequence[Any], given: Mapping[str, str]) -> bool:
        try:
            self.check(who, expression, given)
        except PveError:
            return False
        return True

    def permissions(self, who: str, every: Iterable[str]) -> dict[str, dict[str, int]]:
        """Which of all privileges somebody has, by path, as `access/permissions` returns them."""
        paths = sorted({"/", *(path for path, *_ in self._content()["grants"])})
        found = {path: {each: 1 for each in sorted(every) if self.may(who, path, each)}
                 for path in paths}  # fmt: skip
        return {path: held for path, held in found.items() if held}

    def pools(self) -> dict[str, list[int]]:
        """The VMs in each pool."""
        pools: dict[str, list[int]] = self._site.read("pools.json", {})
        return pools

    def pool_of(self, vmid: int) -> str | None:
        """The pool that a VM is in."""
        return next((pool for pool, members in self.pools().items() if vmid in members), None)

    def put_into(self, pool: str | None, vmid: int) -> None:
        """Move a VM to a pool, or out of any."""
        with self._lock:
            pools = {name: [each for each in members if each != vmid] + [vmid] * (name == pool)
                     for name, members in self.pools().items()}  # fmt: skip
            self._site.write("pools.json", pools)

    def _content(self) -> Any:  # noqa: ANN401
        return self._site.read("access.json", {"tokens": {}, "grants": []})

    def _held(self, grants: Grants, identity: str, path: str) -> set[str]:
        """What an identity has on a path: the deepest grant decides. A VM has its pool's too."""
        found = re.fullmatch(r"/vms/(\d+)", path)
        pool = self.pool_of(int(found[1])) if found else None
        held: set[str] = set()
        for each in [path, *([f"/pool/{pool}"] if pool else [])]:
            above = {grant[0]: grant[2] for grant in grants if grant[1] == identity
                     and f"{each}/".startswith(f"{grant[0].rstrip('/')}/")}  # fmt: skip
            held |= set(above[max(above, key=len)]) if above else set()
        return held
