"""Pulumi's engine for unit tests of components: what is registered, and what each depends on."""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs

from flakeship.model import codec
from flakeship.state.resources import PACKAGE, PREPARE

COMMAND = "command:local:Command"

Commands = Mapping[str, Callable[[dict[str, Any]], object]]
"""What an internal command prints, or a resource of ours results in, by its name or its type.

An exception fails the resource.
"""


class Engine(pulumi.runtime.Mocks, MockMonitor):
    """Makes everything that is declared; commands answer as `commands` says.

    `outputs` are what a provider adds to the inputs, by type.

    `made` has the inputs by name, in the order of their making, `declared` every type and name,
    `depends` the names on which a resource waits, through any number of others. A name of ours has
    its type before it: `Verification web-1`.
    """

    def __init__(self, commands: Commands, outputs: Mapping[str, dict[str, Any]]) -> None:
        MockMonitor.__init__(self, self)
        self.commands = commands
        self.outputs = outputs
        self.made: dict[str, dict[str, Any]] = {}
        self.types: dict[str, str] = {}
        self.declared: list[tuple[str, str]] = []
        self._direct: dict[str, set[str]] = {}

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        outputs = dict(args.inputs)
        if args.typ == COMMAND and (internal := words(args.inputs["create"])[-1]) in self.commands:
            asked = args.inputs["environment"]
            outputs["stdout"] = json.dumps(self.commands[internal](asked))
        elif args.typ in self.commands:
            outputs["result"] = json.loads(codec.dump(self.commands[args.typ](args.inputs)))
        outputs |= self.outputs.get(args.typ, {})
        self.made[key(args.typ, args.name)] = args.inputs
        self.types[key(args.typ, args.name)] = args.typ
        self.declared.append((args.typ, args.name))
        return f"id-of-{args.name}", outputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        assert args.token == PREPARE
        return {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        self._direct[key(request.type, request.name)] = {
            key(urn.split("::")[2].rpartition("$")[2], urn.rpartition("::")[2])
            for urn in request.dependencies
        }
        register: Callable[[Any], Any] = super().RegisterResource
        return in_a_loop(lambda: register(request))

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        invoke: Callable[[Any], Any] = super().Invoke
        return in_a_loop(lambda: invoke(request))

    def RegisterErrorHook(self, _request: Any) -> Any:  # noqa: N802
        return None

    def depends(self, name: str) -> set[str]:
        """All names that have to be made before this one."""
        found: set[str] = set()
        waiting = {*self._direct[name]}
        while waiting:
            one = waiting.pop()
            found.add(one)
            waiting |= self._direct.get(one, set()) - found
        return found


def words(script: str) -> list[str]:
    """Of a command resource."""
    return shlex.split(script)


def key(kind: str, name: str) -> str:
    """What a resource is called here: those of ours share names."""
    return f"{kind.rpartition(':')[2]} {name}" if kind.startswith(f"{PACKAGE}:") else name


def in_a_loop(act: Callable[[], Any]) -> Any:
    """Call what needs an event loop in a thread of the executor, and leave none behind."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return act()
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop; after a failure some outputs are still waited for."""
    while waiting := asyncio.all_tasks(loop):
        for task in waiting:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
    loop.close()


def run(
    program: Callable[[], object],
    commands: Commands,
    outputs: Mapping[str, dict[str, Any]] | None = None,
) -> tuple[Engine, Any]:
    """Run a program to its end; the engine, and what the outputs that it returns come to."""
    engine = Engine(commands, outputs or {})
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(engine, monitor=engine)
    values: list[Any] = []

    def main() -> pulumi.Output[None]:
        return pulumi.Output.from_input(program()).apply(values.append)

    try:
        pulumi.runtime.test(main)()  # type: ignore[no-untyped-call]
    finally:
        end(loop)
    return engine, values[0]
