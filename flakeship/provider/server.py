"""Serves the provider until the engine is done with it, or is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
from collections.abc import Callable

import grpc
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS as OPTIONS
from pulumi.runtime.proto.engine_pb2_grpc import EngineStub
from pulumi.runtime.proto.provider_pb2_grpc import add_ResourceProviderServicer_to_server

from flakeship.provider.service import Service
from flakeship.provider.workers import Workers
from flakeship.system.tcp import LOOPBACK

Make = Callable[[EngineStub, Workers, str], Service]
"""What serves: made with the engine, what runs operations, and the engine's address."""

SECONDS = 4.0  # for operations to undo what they have begun: the engine kills a plugin after five


def resources(engine: EngineStub, workers: Workers, _address: str) -> Service:
    """The resources of a program of ours, which declares the components itself."""
    return Service(engine, workers)


def serve(engine: str, forks: socket.socket, make: Make = resources) -> None:
    """Serve; `engine` is the engine's address, `forks` the socket of the fork server."""
    asyncio.run(_serve(engine, Workers(forks), make))


async def _serve(engine: str, workers: Workers, make: Make) -> None:
    async with grpc.aio.insecure_channel(engine, options=OPTIONS) as channel:
        server = grpc.aio.server(options=OPTIONS)
        service = make(EngineStub(channel), workers, engine)
        add_ResourceProviderServicer_to_server(service, server)
        port = server.add_insecure_port(f"{LOOPBACK}:0")
        await server.start()
        print(port, flush=True)
        await _end_of_engine()
        workers.cancel()
        await workers.ended(SECONDS)
        await server.stop(None)


async def _end_of_engine() -> None:
    """Wait for a signal, or for the end of the pipe that closes with the engine."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        loop.add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
    await ended.wait()
    loop.remove_reader(0)
