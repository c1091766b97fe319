"""The provider as the engine has it: a process of its own, gRPC, and an engine that listens."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import engine_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub
from pulumi.runtime.rpc import UNKNOWN

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.model.release import Artifact
from flakeship.provider.properties import message, plain
from flakeship.rollout.ownership import Owner
from flakeship.state.resources import ANSWER, ERROR, PREPARE, REQUEST
from flakeship.system import processes
from flakeship.targets.fake import cloud
from flakeship.targets.fake.cloud import Cloud
from flakeship.targets.fake.functions import InspectRequest
from flakeship.targets.fake.resources import MachineRequest, PublishRequest
from tests.project import ROOT

OPERATIONS = {"target": "fake", "for": "operations"}
OWNER = Owner("dev", "web", "web-11111111")


def urn(kind: str, name: str = "web") -> str:
    return f"urn:pulumi:dev::flakeship::flakeship:fake:Server$flakeship:fake:{kind}::{name}"


class Engine(engine_pb2_grpc.EngineServicer):
    """Takes note of what is logged."""

    def __init__(self) -> None:
        self.logged: list[tuple[str, str]] = []

    def Log(self, request: Any, _context: Any) -> Empty:  # noqa: N802
        self.logged.append((request.urn, request.message))
        return Empty()


class Provider:
    """A provider's process, and the calls of the engine."""

    def __init__(self, directory: Path) -> None:
        self.engine = Engine()
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        engine_pb2_grpc.add_EngineServicer_to_server(self.engine, self.server)
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flakeship.provider", "--logtostderr", f"127.0.0.1:{port}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=directory,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            process_group=0,  # as the engine does
        )
        assert self.process.stdout
        self.channel = grpc.insecure_channel(f"127.0.0.1:{int(self.process.stdout.readline())}")
        self.call = ResourceProviderStub(self.channel)

    def create(self, kind: str, request: object, *, preview: bool = False) -> dict[str, Any]:
        given = message(codec.plain(request))
        made = self.call.Create(pb.CreateRequest(urn=urn(kind), properties=given, preview=preview))
        return plain(made.properties)

    def invoke(self, function: str, given: Any) -> dict[str, Any]:
        answer = self.call.Invoke(pb.InvokeRequest(tok=function, args=given))
        return plain(getattr(answer, "return"))

    def close(self) -> None:
        self.channel.close()
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=30)
        self.server.stop(None)


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.chdir(tmp_path)
    started = Provider(tmp_path)
    yield started
    started.close()


def image() -> PublishRequest:
    return PublishRequest(Owner("dev", release="web-11111111"), Artifact(()), 1)


def slow(provider: Provider, seconds: float = 60) -> MachineRequest:
    published = provider.create("Image", image())["result"]["id"]
    return MachineRequest(OWNER, "web-11111111-abcd", published, seconds)


def children(pid: int) -> list[int]:
    """Its forks, which have its words; libraries may start something for a moment."""
    forks = (each for each in processes.running() if "flakeship.provider" in each.words)
    return [each.pid for each in forks if each.parent == pid]


def until(done: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_life_of_a_resource(provider: Provider) -> None:
    call = provider.call
    assert call.GetPluginInfo(Empty()).version
    settings = message({"servers": "[]", "version": "1"})  # which the state has once already
    assert not call.CheckConfig(pb.CheckRequest(news=settings)).inputs.fields
    call.Invoke(pb.InvokeRequest(tok=PREPARE, args=message(OPERATIONS)))
    given = codec.plain(image())

    assert call.Check(pb.CheckRequest(urn=urn("Image"), news=message(given))).inputs
    foreseen = provider.create("Image", image(), preview=True)
    assert foreseen["result"] == UNKNOWN
    assert not cloud.read("dev").objects

    state = provider.create("Image", image())
    assert state["result"]["id"] in cloud.read("dev").objects
    assert {**state, "result": None} == {**given, "result": None}

    same = call.Diff(
        pb.DiffRequest(urn=urn("Image"), old_inputs=message(given), news=message(given))
    )
    assert same.changes == pb.DiffResponse.DIFF_NONE
    news = message({**given, "publication": 2})
    found = call.Diff(pb.DiffRequest(urn=urn("Image"), old_inputs=message(given), news=news))
    assert (found.changes, [*found.diffs]) == (pb.DiffResponse.DIFF_SOME, ["publication"])
    assert not found.replaces
    updated = call.Update(
        pb.UpdateRequest(urn=urn("Image"), id="web", olds=message(state), news=news)
    )
    assert plain(updated.properties)["result"] == state["result"]

    call.Delete(pb.DeleteRequest(urn=urn("Image"), id="web", properties=updated.properties))
    assert not cloud.read("dev").objects


def test_a_failure_is_its_message_alone(provider: Provider) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        provider.create("Machine", MachineRequest(OWNER, "web-1", "gone", 0))
    assert raised.value.details().startswith("web-1: its image is gone")
    assert "Traceback" not in raised.value.details()


@pytest.mark.parametrize("given", [{}, {"owner": 1}, {**codec.plain(image()), "publication": "x"}])
def test_inputs_that_do_not_fit_are_refused(provider: Provider, given: dict[str, Any]) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        provider.call.Check(pb.CheckRequest(urn=urn("Image"), news=message(given)))
    assert "flakeship:fake:Image" in raised.value.details()


@pytest.mark.parametrize("number", [math.nan, float(2**60)])
def test_a_number_that_another_program_has_lost_is_named(provider: Provider, number: float) -> None:
    given = codec.plain(image()) | {"artifact": {"files": UNKNOWN, "disk": number}}
    with pytest.raises(grpc.RpcError, match=r"artifact\.disk: the number cannot be kept exactly"):
        provider.call.Check(pb.CheckRequest(urn=urn("Image"), news=message(given)))


def test_inputs_that_are_not_known_yet_are_no_mistake(provider: Provider) -> None:
    given = {**codec.plain(image()), "artifact": UNKNOWN}
    assert provider.call.Check(pb.CheckRequest(urn=urn("Image"), news=message(given))).inputs


def test_nothing_is_imported(provider: Provider) -> None:
    with pytest.raises(grpc.RpcError, match="cannot be imported"):
        provider.call.Read(pb.ReadRequest(urn=urn("Machine"), id="web"))


def test_what_has_nothing_to_remove_is_removed_whatever_its_inputs_are(provider: Provider) -> None:
    state = message({"of": "another version"})
    provider.call.Delete(pb.DeleteRequest(urn=urn("Verification"), id="web", properties=state))
    with pytest.raises(grpc.RpcError, match="cannot be read"):
        provider.call.Delete(pb.DeleteRequest(urn=urn("Machine"), id="web", properties=state))


def test_without_a_target_nothing_is_prepared(provider: Provider) -> None:
    with pytest.raises(grpc.RpcError, match="needs a target"):
        provider.call.Invoke(
            pb.InvokeRequest(tok=PREPARE, args=message({**OPERATIONS, "target": ""}))
        )
    assert provider.create("Image", image())["result"]["id"]


def test_a_function_of_a_target(provider: Provider) -> None:
    made = provider.create("Image", image())["result"]["id"]
    request = message({REQUEST: codec.dump(InspectRequest("dev"))})
    answer = provider.invoke("flakeship:fake:inspect", request)
    assert [*codec.parse(Cloud, answer[ANSWER]).objects] == [made]


def test_the_error_of_a_function_is_an_answer_with_all_its_fields(provider: Provider) -> None:
    provider.create("Image", image())
    cloud.file("dev").write_text("{")
    request = message({REQUEST: codec.dump(InspectRequest("dev"))})
    answer = provider.invoke("flakeship:fake:inspect", request)
    error = FlakeshipError(**answer[ERROR])
    assert (error.code, error.key) == ("state-unreadable", str(cloud.file("dev")))
    assert error.remedy


@pytest.mark.parametrize(
    ("token", "request_", "code"),
    [
        ("flakeship:fake:other", "{}", "function-unknown"),
        ("flakeship:fake:inspect", "{}", "state-unreadable"),
        ("flakeship:fake:inspect", "", "state-unreadable"),
    ],
)
def test_a_function_or_request_that_is_not_known(
    provider: Provider, token: str, request_: str, code: str
) -> None:
    answer = provider.invoke(token, message({REQUEST: request_}))
    assert FlakeshipError(**answer[ERROR]).code == code


def test_a_function_of_no_target(provider: Provider) -> None:
    with pytest.raises(grpc.RpcError, match="unknown target"):
        provider.invoke("flakeship:index:other", message({REQUEST: "{}"}))


def test_operations_run_side_by_side_and_can_be_cancelled(provider: Provider) -> None:
    request = slow(provider)
    results: list[str] = []

    def create() -> None:
        try:
            provider.create("Machine", request)
        except grpc.RpcError as error:
            results.append(error.details())

    threads = [threading.Thread(target=create) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: len(cloud.read("dev").of("machine")) == 3)
    provider.call.Cancel(Empty())
    for thread in threads:
        thread.join(30)
    assert results == ["interrupted"] * 3
    with pytest.raises(grpc.RpcError, match="interrupted"):  # nothing else begins
        provider.create("Image", image())


def test_an_operation_that_is_killed_takes_nothing_with_it(provider: Provider) -> None:
    request = slow(provider)
    killed: list[str] = []

    def create() -> None:
        with pytest.raises(grpc.RpcError) as raised:
            provider.create("Machine", request)
        killed.append(raised.value.details())

    thread = threading.Thread(target=create)
    thread.start()
    until(lambda: cloud.read("dev").of("machine"))
    (server,) = children(provider.process.pid)
    (operation,) = [pid for pid in children(server) if os.getpgid(pid) == pid]
    os.kill(operation, signal.SIGKILL)
    thread.join(30)
    assert str(operation) in killed[0]
    assert provider.create("Image", image())["result"]["id"]


def _state(pid: int) -> str:
    """Of a process, as proc(5) has it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_without_its_fork_server_an_operation_is_one_clear_error(provider: Provider) -> None:
    (server,) = children(provider.process.pid)
    os.kill(server, signal.SIGKILL)
    until(lambda: _state(server) == "Z")  # before, its socket may still be open
    with pytest.raises(grpc.RpcError) as raised:
        provider.create("Image", image())
    assert "fork server" in raised.value.details()
    assert "Traceback" not in raised.value.details()


@pytest.mark.parametrize("how", ["stdin", "SIGINT", "SIGTERM", "SIGKILL", "all"])
def test_it_ends_with_its_engine_and_so_do_its_operations(provider: Provider, how: str) -> None:
    request = slow(provider)
    failed: list[grpc.RpcError] = []

    def create() -> None:
        try:
            provider.create("Machine", request)
        except grpc.RpcError as error:
            failed.append(error)

    thread = threading.Thread(target=create)
    thread.start()
    until(lambda: cloud.read("dev").of("machine"))
    (server,) = children(provider.process.pid)
    everything = [server, *children(server)]
    if how == "stdin":
        assert provider.process.stdin
        provider.process.stdin.close()
        provider.process.stdin = None
    elif how == "SIGINT":
        os.killpg(provider.process.pid, signal.SIGINT)  # as the engine at the end of a run
    elif how == "all":
        os.killpg(provider.process.pid, signal.SIGKILL)  # as the engine after a second ^C
    else:
        provider.process.send_signal(signal.Signals[how])
    assert provider.process.wait(20) == (-9 if how in {"SIGKILL", "all"} else 0)
    thread.join(30)
    assert failed
    until(lambda: not any(map(processes.may_run, everything)))
