"""A stack's state as Pulumi exports it, and what its commands were asked and answered."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from pydantic import TypeAdapter

from flakeship import internal
from flakeship.model import codec
from flakeship.operate import actions, diff, status
from flakeship.provider import operations
from flakeship.ssh import stored_login
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.state import outputs
from flakeship.state.stack import Stack
from flakeship.targets import registry
from flakeship.verify.verify import pinned_keys
from tests.fuzz import manifests
from tests.fuzz.schemas import fitting
from tests.fuzz.subject import Subject
from tests.fuzz.values import Json, changed, document, documents, spoiled, texts
from tests.unit.operate.test_status import resources
from tests.unit.verify.machines import ED25519

RECORDED = [
    json.loads(file.read_text())["deployment"]
    for file in sorted(Path(__file__).parents[1].glob("targets/*/recorded/*.json"))
]
DETAILS: dict[str, dict[str, Any]] = {
    "local": {"workstation": "here-0123abcd", "data_disks": {"pg": 1024}},
    "openstack": {"port": "an-id", "flavor": "m1.small", "fixed": True},
    "proxmox": {"vmid": 9001, "node": "pve1", "own": "192.0.2.10"},
    "fake": {},
}
WRITTEN = [
    {"resources": json.loads(document(resources(target, **details)))}
    for target, details in DETAILS.items()
]
RELEASE = {key: manifests.EXAMPLE[key] for key in ("host", "drv", "out", "toplevel", "user")}
OUTPUTS = [each["outputs"] for state in WRITTEN + RECORDED for each in state["resources"][:1]]
EVIDENCE = [
    json.dumps(each["outputs"]["result"]) for state in WRITTEN for each in state["resources"][1:2]
]

WEB = SshOptions(Endpoint("web-1", "10.20.0.5", 22, "nixos", "/a key"), [ED25519])
GATE = SshOptions(Endpoint("bastion", "gate.example.com", 2222, "alice", "/50% it's"), [ED25519])
LOGIN = WEB.command_line()
BEHIND = replace(WEB, proxy=GATE.proxy_to("10.20.0.5", 22)).command_line()
OPTIONS = {word.partition("=")[0] for word in shlex.split(BEHIND) if "=" in word}

COMMANDS: dict[str, Callable[[Stack], object]] = {
    "status": status.status,
    "status --json": status.plain,
    "ssh": lambda stack: actions.login(stack, "web"),
    "diff": lambda stack: diff._compared(stack, "web-33333333", "web-11111111"),
}


def subjects() -> list[Subject]:
    """The outputs alone, the whole state, requests and answers of each internal command."""
    whole = st.tuples(st.sampled_from([*COMMANDS]), changed(WRITTEN + RECORDED))
    return [
        Subject("outputs", changed(OUTPUTS), read_outputs),
        Subject("state", whole, lambda given: COMMANDS[given[0]](Stack("dev", given[1]))),
        Subject("login of a state", spoiled([LOGIN, BEHIND]), read_login),
        Subject("evidence of before", evidence(), lambda text: pinned_keys(text, "web-1-2")),
        *(Subject(f"request {each.name}", each.inputs(), each.read) for each in requests()),
    ]


def read_outputs(given: Json) -> None:
    """Read outputs; what is accepted is the same when it is written and read again."""
    if not isinstance(given, dict):
        return
    found = outputs.read(given, "dev")
    if found.schema is None:
        return
    written = {
        **found.unknown,
        "flakeship": {"schema": 1, "version": found.version, "target": found.target},
        "running": dict(found.running),
        "releases": outputs.ledger(list(found.ledger)),
        "servers": {
            name: {**found.unknown_of_servers[name], **server.plain()}
            for name, server in found.servers.items()
        },
        "machines": found.machines,
        found.target: found.details,
    }
    again = outputs.read(json.loads(json.dumps(written)), "dev")
    assert again.ledger == found.ledger
    assert again.running == found.running


def read_login(text: str) -> None:
    """Read a login; one that is accepted has no words but ours, and gives a shell only words."""
    login = stored_login.read(text, "server web")
    proxies = [word for word in login.words if word.startswith("ProxyCommand=")]
    assert len(proxies) == bool(login.bastion)
    for proxy in proxies:
        given = proxy.partition("=")[2].replace("%%", "%")
        assert given.startswith(shlex.join([*login.bastion, "-W"]))
    for words in (login.words, login.bastion):
        options = {words[at + 1].partition("=")[0] for at, word in enumerate(words) if word == "-o"}
        assert options <= OPTIONS


def evidence() -> st.SearchStrategy[str]:
    """What an earlier verification printed."""
    return st.one_of(documents([json.loads(text) for text in EVIDENCE]), texts)


@dataclass(frozen=True)
class Request:
    """What an internal command or the provider reads."""

    name: str
    kind: type[Any]

    def inputs(self) -> st.SearchStrategy[str]:
        """Requests as the schema tells, and texts that are none."""
        schema = TypeAdapter(self.kind).json_schema()
        return st.one_of(fitting(schema, RELEASE).map(document), documents([{}]))

    def read(self, text: str) -> None:
        """Read it; what is accepted is the same when it is written and read again."""
        found = asked(self.name, text)
        assert codec.parse(self.kind, codec.dump(found)) == found


def asked(name: str, text: str) -> Any:
    """A request as an internal command, or the provider, reads it."""
    if ":" in name:
        return operations.request(name, text)
    if internal.find(name).stdin:
        return internal.request(name, text)
    found = None
    with contextlib.suppress(ValueError, RecursionError):  # a text need not be a document
        found = json.loads(text)
    given = found if isinstance(found, dict) else {}
    return internal.request(name, {key: variable(it) for key, it in given.items()})


def variable(value: object) -> str:
    """A value as an environment has it, which the engine writes in UTF-8."""
    text = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.encode(errors="replace").decode()


def requests() -> list[Request]:
    """Those of every target, each kind once."""
    kinds: dict[Any, str] = {
        command.request: name for name, command in sorted(internal.commands().items())
    }
    for target in registry.names():
        for name, each in sorted(registry.spec(target).resource_types().items()):
            kinds.setdefault(each.request, f"flakeship:{target}:{name}")
    return [Request(name, kind) for kind, name in kinds.items()]
