"""The provider as Pulumi's engine calls it (pulumi/proto/provider.proto).

Resources have their request as inputs, and beside it the output `result`. A preview calls Check and
Diff alone, which compare values; everything that acts is an operation.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto.engine_pb2 import INFO, WARNING, LogRequest
from pulumi.runtime.proto.engine_pb2_grpc import EngineStub
from pulumi.runtime.proto.plugin_pb2 import PluginInfo
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderServicer
from pulumi.runtime.rpc import UNKNOWN

from flakeship import __version__
from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.exact import refuse_inexact
from flakeship.provider import operations, properties
from flakeship.provider.operations import CALL, CREATE, DELETE, Operation
from flakeship.provider.workers import OperationError, Workers
from flakeship.state.resources import PACKAGE, PREPARE, REQUEST, RESULT, urn_name
from flakeship.system.log import debugging

Context: TypeAlias = grpc.aio.ServicerContext
KINDS = {
    properties.ADDED: pb.PropertyDiff.ADD,
    properties.REMOVED: pb.PropertyDiff.DELETE,
    properties.CHANGED: pb.PropertyDiff.UPDATE,
}


class Service(ResourceProviderServicer):
    """See provider.proto for what each method is to do."""

    def __init__(self, engine: EngineStub, workers: Workers) -> None:
        self._engine = engine
        self._workers = workers

    async def GetPluginInfo(self, _: Empty, _context: Context) -> PluginInfo:
        """The version."""
        return PluginInfo(version=__version__)

    async def GetSchema(self, _: pb.GetSchemaRequest, _context: Context) -> pb.GetSchemaResponse:
        """A package without types: programs use the components."""
        return pb.GetSchemaResponse(schema=json.dumps({"name": PACKAGE, "version": __version__}))

    async def CheckConfig(self, _: pb.CheckRequest, _context: Context) -> pb.CheckResponse:
        """Nothing: the settings of the stack, which have the package's name, are the program's."""
        return pb.CheckResponse(inputs=Struct())

    async def DiffConfig(self, _: pb.DiffRequest, _context: Context) -> pb.DiffResponse:
        """Another version is no reason to replace anything."""
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    async def Configure(self, _: pb.ConfigureRequest, _context: Context) -> pb.ConfigureResponse:
        """The engine keeps secrets secret by itself."""
        return pb.ConfigureResponse(supportsPreview=True)

    async def Invoke(self, request: pb.InvokeRequest, context: Context) -> pb.InvokeResponse:
        """PREPARE, or a function of a target."""
        given = properties.plain(request.args)
        if request.tok != PREPARE:
            operation = Operation(request.tok, CALL, str(given.get(REQUEST, "")))
            answer = await self._run("", operation, context)
            return pb.InvokeResponse(**{"return": properties.message(answer)})
        if not (target := str(given.get("target", ""))):
            await _fail(context, f"{request.tok} needs a target")
        self._workers.prepare(target, given["for"])
        return pb.InvokeResponse()

    async def Check(self, request: pb.CheckRequest, context: Context) -> pb.CheckResponse:
        """Refuse inputs that the operations could not read."""
        given = properties.plain(request.news)
        try:
            refuse_inexact(given)
            if properties.is_known(given):
                operations.request(_type(request.urn), codec.dump(given))
        except FlakeshipError as error:
            await _fail(context, str(error))
        return pb.CheckResponse(inputs=request.news)

    async def Diff(self, request: pb.DiffRequest, _context: Context) -> pb.DiffResponse:
        """Any difference is an update in place: a name has what only a new resource can have."""
        old = properties.inputs(properties.plain(request.old_inputs))
        found = dict(properties.differences(old, properties.plain(request.news)))
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if found else pb.DiffResponse.DIFF_NONE,
            diffs=sorted({properties.top(path) for path in found}),
            detailedDiff={
                path: pb.PropertyDiff(kind=KINDS[how], inputDiff=True)
                for path, how in properties.told(found).items()
            },
            hasDetailedDiff=True,
        )

    async def Create(self, request: pb.CreateRequest, context: Context) -> pb.CreateResponse:
        """Make a resource; its id is its name."""
        given = properties.plain(request.properties)
        made = await self._make(request.urn, given, "", context, preview=request.preview)
        return pb.CreateResponse(id=urn_name(request.urn), properties=made)

    async def Update(self, request: pb.UpdateRequest, context: Context) -> pb.UpdateResponse:
        """Bring a resource up to date."""
        given, previous = properties.plain(request.news), _result(properties.plain(request.olds))
        made = await self._make(request.urn, given, previous, context, preview=request.preview)
        return pb.UpdateResponse(properties=made)

    async def Read(self, request: pb.ReadRequest, context: Context) -> pb.ReadResponse:
        """The state: drift is found by the inspection at the start of each run."""
        if not request.inputs.fields:  # an import
            await _fail(context, "it cannot be imported: `pulumi up` makes it")
        return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    async def Delete(self, request: pb.DeleteRequest, context: Context) -> Empty:
        """Remove a resource."""
        state = properties.plain(request.properties)
        given = codec.dump(properties.inputs(state))
        operation = Operation(_type(request.urn), DELETE, given, _result(state))
        await self._run(request.urn, operation, context)
        return Empty()

    async def Cancel(self, _: Empty, _context: Context) -> Empty:
        """Interrupt what runs: the engine has been interrupted."""
        self._workers.cancel()
        return Empty()

    async def _make(
        self, urn: str, given: Mapping[str, Any], previous: str, context: Context, *, preview: bool
    ) -> Struct:
        if preview:
            return properties.message({**given, RESULT: UNKNOWN})
        operation = Operation(_type(urn), CREATE, codec.dump(given), previous)
        return properties.message({**given, RESULT: await self._run(urn, operation, context)})

    async def _run(self, urn: str, operation: Operation, context: Context) -> Mapping[str, Any]:
        told: list[asyncio.Future[object]] = []

        def log(line: str, level: int) -> None:
            # of progress, Pulumi shows the last line beside the resource
            request = LogRequest(
                severity=WARNING if level >= logging.WARNING else INFO,
                message=line,
                urn=urn,
                ephemeral=level == logging.INFO and not debugging(),
            )
            told.append(asyncio.ensure_future(self._engine.Log(request)))

        try:
            return await self._workers.run(operation, log)
        except OperationError as error:
            await _fail(context, str(error))
        finally:
            await asyncio.gather(*told, return_exceptions=True)


async def _fail(context: Context, text: str) -> NoReturn:
    await context.abort(grpc.StatusCode.UNKNOWN, text)
    raise AssertionError  # abort has raised


def _result(state: Mapping[str, Any]) -> str:
    return codec.dump(state[RESULT]) if state.get(RESULT) else ""


def _type(urn: str) -> str:
    """The type of a resource, from its URN, which has those of its parents too."""
    return urn.split("::")[2].rpartition("$")[2]
