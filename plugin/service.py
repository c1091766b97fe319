"""The provider with the components: the calls of Pulumi's engine that are about them."""

from __future__ import annotations

import os
from pathlib import Path

import grpc
from pulumi.provider.server import ProviderServicer
from pulumi.runtime import rpc
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto.engine_pb2_grpc import EngineStub

from flakeship.model.errors import FlakeshipError
from flakeship.provider.service import Context, Service
from flakeship.provider.workers import Workers
from flakeship.state import choice
from plugin import settings
from plugin.catalog import Components, Prepared


class Package(Service):
    """The resources of the provider, and the components that declare some of them."""

    def __init__(self, engine: EngineStub, workers: Workers, address: str) -> None:
        super().__init__(engine, workers)
        self._address = address
        self._components = Components()

    async def Configure(self, _: pb.ConfigureRequest, _context: Context) -> pb.ConfigureResponse:
        """Pulumi asks this of whoever has components. No argument may be a secret."""
        return pb.ConfigureResponse(supportsPreview=True, acceptSecrets=True)

    async def GetSchema(self, _: pb.GetSchemaRequest, _context: Context) -> pb.GetSchemaResponse:
        """The schema of the components: programs need no others."""
        return pb.GetSchemaResponse(schema=self._components.schema or "")

    async def Construct(
        self, request: pb.ConstructRequest, context: Context
    ) -> pb.ConstructResponse:
        """Prepare a component, which may take a while, and declare it."""
        try:
            prepared = await self._prepare(request)
        except (FlakeshipError, OSError) as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, settings.told(error))
        declare = ProviderServicer(prepared, [], self._address).Construct
        return await declare(request, context)

    async def _prepare(self, request: pb.ConstructRequest) -> Prepared:
        choice.refuse_other_checkout(os.environ, Path.cwd())
        args = rpc.deserialize_properties(request.inputs, keep_unknowns=True)
        stack = choice.own_name(request.stack)
        return await self._components.prepare(request.type, request.name, args, stack)
