"""A stack's state as Pulumi exports it, and what its commands were asked and answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from pydantic import TypeAdapter

from flakeship import internal
from flakeship.model import codec
from flakeship.operate import actions, diff, status
from flakeship.state import outputs
from flakeship.state.stack import Stack
from flakeship.targets import registry
from flakeship.verify.verify import pinned_keys
from tests.fuzz import manifests
from tests.fuzz.schemas import fitting
from tests.fuzz.subject import Subject
from tests.fuzz.values import Json, changed, document, documents, texts
from tests.unit.operate.test_status import resources

RECORDED = [
    json.loads(file.read_text())["deployment"]
    for file in sorted(Path(__file__).parents[1].glob("targets/*/recorded/*.json"))
]
DETAILS: dict[str, dict[str, Any]] = {
    "local": {"workstation": "here-0123abcd", "data_disks": {"pg": 1024}},
    "openstack": {"port": "an-id", "flavor": "m1.small", "fixed": True},
    "fake": {},
}
WRITTEN = [
    {"resources": json.loads(document(resources(target, **details)))}
    for target, details in DETAILS.items()
]
RELEASE = {key: manifests.EXAMPLE[key] for key in ("host", "drv", "out", "toplevel", "user")}
OUTPUTS = [each["outputs"] for state in WRITTEN + RECORDED for each in state["resources"][:1]]
EVIDENCE = [each["outputs"]["stdout"] for state in WRITTEN for each in state["resources"][1:2]]

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


def evidence() -> st.SearchStrategy[str]:
    """What an earlier verification printed."""
    return st.one_of(documents([json.loads(text) for text in EVIDENCE]), texts)


@dataclass(frozen=True)
class Request:
    """What an internal command reads on standard input."""

    name: str
    kind: type[Any]

    def inputs(self) -> st.SearchStrategy[str]:
        """Requests as the schema tells, and texts that are none."""
        schema = TypeAdapter(self.kind).json_schema()
        return st.one_of(fitting(schema, RELEASE).map(document), documents([{}]))

    def read(self, text: str) -> None:
        """Read it; what is accepted is the same when it is written and read again."""
        found = asked(self.name, self.kind, text)
        assert codec.parse(self.kind, codec.dump(found)) == found


def asked(name: str, kind: type[Any], text: str) -> Any:
    """A request as the command reads it."""
    return internal.request(name, kind, text)


def requests() -> list[Request]:
    """Those of every target, each kind once."""
    kinds: dict[Any, str] = {
        command.request: name for name, command in sorted(internal.core().items())
    }
    for target in registry.names():
        for name, command in sorted(registry.spec(target).commands().items()):
            kinds.setdefault(command.request, f"{target}.{name}")
    return [Request(name, kind) for kind, name in kinds.items()]
