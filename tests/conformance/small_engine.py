"""A small engine on Pulumi's mocks: it compares a run with the one before, as the real one does."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.config import set_all_config
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs

from components.resource import OUTPUTS
from flakeship.model import codec
from flakeship.state.resources import PREPARE
from tests.pulumi_mocks import COMMAND, end, in_a_loop, words

STACK = "dev"
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}

Command = Callable[[dict[str, Any]], object]


@dataclass
class Resource:
    """A resource of a state. `change` is what the last run did: create, update or same."""

    urn: str
    type: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    parent: str = ""
    dependencies: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    change: str = "create"
    protected: bool = False

    @property
    def request(self) -> dict[str, Any]:
        """What a command, or a resource of ours, is asked."""
        return dict(self.inputs["environment"] if self.type == COMMAND else self.inputs)

    @property
    def plain(self) -> dict[str, Any]:
        """As `pulumi stack export` has it."""
        return {
            "urn": self.urn,
            "type": self.type,
            "id": self.id,
            "inputs": self.inputs,
            "outputs": self.outputs,
            "protect": self.protected,
        }


@dataclass
class Run:
    """A run: the state that it has left, its outputs, and what a preview would have said."""

    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    error: BaseException | None = None

    def named(self, name: str, kind: str = COMMAND) -> Resource:
        """The resource of a name and a type, or the end of that."""
        found, *rest = [
            r for r in self.resources.values() if r.name == name and r.type.endswith(kind)
        ]
        assert not rest
        return found

    def closure(self, resource: Resource) -> set[str]:
        """The names of all that has to be made before a resource."""
        urns: set[str] = set()
        waiting = [*resource.dependencies]
        while waiting:
            urn = waiting.pop()
            if urn not in urns:
                urns.add(urn)
                waiting += self.resources[urn].dependencies if urn in self.resources else []
        return {urn.rpartition("::")[2] for urn in urns}

    def deployment(self) -> dict[str, Any]:
        """The state as `pulumi stack export` has it."""
        stored = json.loads(json.dumps(self.outputs))
        if "machines" in stored:
            stored["machines"] = {**SECRET, "ciphertext": "v1:abc"}
        urn = f"urn:pulumi:{STACK}::flakeship::pulumi:pulumi:Stack::flakeship-{STACK}"
        stack = {"urn": urn, "type": "pulumi:pulumi:Stack", "outputs": stored}
        return {"resources": [stack, *(each.plain for each in self.resources.values())]}


class Engine(pulumi.runtime.Mocks, MockMonitor):
    """Makes what is declared and is not there yet; the rest stays as it is."""

    def __init__(
        self,
        before: Run,
        commands: Mapping[str, Command],
        provided: Callable[[Resource], Mapping[str, Any]],
        *,
        preview: bool,
    ) -> None:
        MockMonitor.__init__(self, self)
        self.preview = preview
        self.before, self.commands, self.provided = before, commands, provided
        self.made: dict[str, Resource] = {}

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        raise AssertionError(args.name)  # register makes all of them

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        if args.token == OUTPUTS:
            return {"outputs": self.before.outputs, "secretOutputNames": []}
        assert args.token == PREPARE
        return {}

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        # the settings of the run are not those of the thread that registers
        urn = super().make_urn(parent, type_, name)
        return f"urn:pulumi:{STACK}::{urn.partition('::')[2]}"

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        invoke: Callable[[Any], Any] = super().Invoke
        return in_a_loop(lambda: invoke(request))

    def RegisterErrorHook(self, _request: Any) -> Any:  # noqa: N802
        return None

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        if request.type == "pulumi:pulumi:Stack":
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]
        return in_a_loop(lambda: self.register(request))

    def register(self, request: Any) -> Any:
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs: dict[str, Any] = codec.whole(rpc.deserialize_properties(request.object))
        made = Resource(
            urn,
            request.type,
            request.name,
            f"id-of-{request.name}",
            inputs,
            {},
            request.parent,
            frozenset(request.dependencies),
            frozenset(request.ignoreChanges),
            protected=request.protect,
        )
        assert urn not in self.made, urn
        old = self.before.resources.get(urn)
        if old is not None:
            inputs |= {key: old.inputs.get(key) for key in made.ignored if key in old.inputs}
            made.change = "same" if inputs == old.inputs else "update"
        made.outputs = old.outputs if old and made.change == "same" else self.outputs(made)
        self.made[urn] = made
        properties = asyncio.get_event_loop().run_until_complete(
            rpc.serialize_properties(made.outputs, {})
        )
        return pulumi.runtime.proto.resource_pb2.RegisterResourceResponse(
            urn=urn, id=made.id, object=properties
        )

    def outputs(self, made: Resource) -> dict[str, Any]:
        if self.preview:
            return dict(made.inputs)  # the rest is not known yet
        if made.type == COMMAND:
            answer = self.commands[words(made.inputs["create"])[-1]](made.request)
            return {**made.inputs, "stdout": json.dumps(answer or {})}
        if made.type in self.commands:
            answer = self.commands[made.type](made.request)
            return {**made.inputs, "result": json.loads(json.dumps(answer or {}))}
        return {**made.inputs, **self.provided(made)}

    def delete_rest(self) -> None:
        """Delete what is not declared any more, the newest first."""
        for urn, old in reversed([*self.before.resources.items()]):
            assert urn in self.made or not old.protected, urn
            delete = f"{old.type}.delete"
            if urn not in self.made and delete in self.commands:
                self.commands[delete]({**old.request, "previous": old.outputs["result"]})


class Heard(logging.Handler):
    """What is logged: warnings, and what is told beside them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.warnings: list[str] = []
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        heard = self.told if record.levelno < logging.WARNING else self.warnings
        heard.append(record.getMessage())


def run(
    program: Callable[[], Any],
    config: Mapping[str, str],
    before: Run,
    commands: Mapping[str, Command],
    provided: Callable[[Resource], Mapping[str, Any]],
    *,
    preview: bool = False,
) -> Run:
    """Run an async program. Where it fails the state has what was made, and the outputs stay.

    A preview runs no command, and has no outputs.
    """
    engine, seen = Engine(before, commands, provided, preview=preview), Heard()
    values: list[Any] = []
    logger = logging.Logger("pulumi")
    logger.addHandler(seen)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # of outputs that nobody waits for
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(engine, "flakeship", STACK, preview, logger, engine, "organization")

    def main() -> pulumi.Output[None]:
        set_all_config(dict(config), [])
        return pulumi.Output.from_input(program()).apply(values.append)

    error: BaseException | None = None
    try:
        pulumi.runtime.test(main)()  # type: ignore[no-untyped-call]
    except Exception as failed:  # noqa: BLE001 - the caller looks at it
        error = failed
    finally:
        end(loop)
        if root := pulumi.runtime.get_root_resource():
            root._transformations = []  # mocks have one for all runs of a process
    if preview:
        return Run(engine.made, {}, seen.warnings, seen.told, error)
    if error is None:
        engine.delete_rest()
        return Run(engine.made, json.loads(json.dumps(values[0])), seen.warnings, seen.told)
    return Run({**before.resources, **engine.made}, before.outputs, seen.warnings, seen.told, error)
