"""A fault that passes is waited out; a call that may have had an effect is not made twice."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from keystoneauth1 import exceptions as auth
from keystoneauth1.session import Session

from flakeship.targets.openstack.api import retries
from tests.targets.openstack.unit.fake_cloud import Cloud

OK = '{"answer": true}'


@dataclass
class Weather:
    """What a server does with each call: a status, or one of the words below; at last it is 200."""

    script: list[str] = field(default_factory=list)
    body: str = OK
    calls: int = 0
    url: str = ""


@pytest.fixture
def weather() -> Iterator[Weather]:
    made = Weather()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two packets

        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.calls += 1
            act, _, after = (made.script.pop(0) if made.script else "200").partition(" ")
            if act == "cut":
                self.close_connection = True
                return
            self.send_response(200 if act in {"half", "unmeasured"} else int(act))
            self.send_header("Content-Type", "application/json")
            if act != "unmeasured":
                self.send_header("Content-Length", str(len(made.body)))
            if after:
                self.send_header("Retry-After", after)
            self.end_headers()
            self.wfile.write(made.body[: 5 if act in {"half", "unmeasured"} else None].encode())
            self.close_connection = act in {"half", "unmeasured"}

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        made.url = f"http://127.0.0.1:{http.server_port}"
        threading.Thread(target=http.serve_forever, args=(0.01,)).start()
        yield made
        http.shutdown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:  # instead of that of conftest.py
    monkeypatch.setattr(retries, "SECONDS", 3.0)
    monkeypatch.setattr(retries, "FIRST", 0.01)


def send(url: str, method: str = "GET", data: object = None) -> int:
    session = Session()
    retries.retry(session)
    answer = session.request(url, method, data=data, raise_exc=False, timeout=2)
    return int(answer.status_code)


EVERY = ["GET", "PUT", "PATCH", "DELETE"]


@pytest.mark.parametrize(
    "fault", ["408", "429", "500", "502", "503", "504", "cut", "half", "unmeasured"]
)
@pytest.mark.parametrize("method", EVERY)
def test_a_call_that_may_be_repeated_is(weather: Weather, method: str, fault: str) -> None:
    weather.script = [fault, fault]
    assert send(weather.url, method, data="{}") == 200
    assert weather.calls == 3


@pytest.mark.parametrize(
    ("fault", "calls"),
    [("429", 2), ("503", 2), ("408", 1), ("500", 1), ("502", 1), ("504", 1), ("cut", 1)],
)
def test_a_create_is_repeated_only_where_nothing_was_done(
    weather: Weather, fault: str, calls: int
) -> None:
    weather.script = [fault]
    if fault == "cut":
        with pytest.raises(auth.ConnectFailure):
            send(weather.url, "POST", data="{}")
    else:
        assert send(weather.url, "POST", data="{}") == (200 if calls == 2 else int(fault))
    assert weather.calls == calls


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "409", "413", "501"])
@pytest.mark.parametrize("body", [OK, '"no object"', "[]"])
def test_a_refusal_is_no_fault(weather: Weather, status: str, body: str) -> None:
    weather.script, weather.body = [status] * 2, body
    assert send(weather.url) == int(status)
    assert weather.calls == 1


def test_a_login_is_repeated(weather: Weather) -> None:
    weather.script = ["cut", "500"]
    assert send(f"{weather.url}/v3/auth/tokens", "POST", data="{}") == 200


def test_an_upload_is_not_repeated(weather: Weather) -> None:
    weather.script = ["503"]
    assert send(weather.url, "PUT", data=iter([b"a", b"b"])) == 503


def test_a_service_that_is_being_restarted_is_waited_for() -> None:
    """Nothing listens at first; even a create has done nothing then."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as http:
        port = http.server_port

    def listen() -> None:
        time.sleep(0.5)
        with ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler) as late:
            late.handle_request()

    thread = threading.Thread(target=listen)
    thread.start()
    assert send(f"http://127.0.0.1:{port}", "POST", data="{}") == 501  # it knows no POST
    thread.join()


@pytest.mark.parametrize("word", ["1", "date"])
def test_a_named_time_is_waited(weather: Weather, word: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    weather.script = [f"429 {date if word == 'date' else word}"]
    began = time.monotonic()
    assert send(weather.url) == 200
    assert time.monotonic() - began >= 0.9


@pytest.mark.parametrize("word", ["3600", "date"])
def test_nobody_waits_an_hour(weather: Weather, word: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    weather.script = [f"429 {date if word == 'date' else word}"]
    began = time.monotonic()
    assert send(weather.url) == 429
    assert (weather.calls, time.monotonic() - began < 1) == (1, True)


def test_it_ends(weather: Weather, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "SECONDS", 0.3)
    weather.script = ["503"] * 1000
    assert send(f"{weather.url}/servers?name=x") == 503
    assert weather.calls > 2


def test_a_name_that_does_not_exist_and_a_certificate_are_not_waited_for() -> None:
    began = time.monotonic()
    with pytest.raises(auth.ConnectFailure):
        send("http://nowhere.invalid")
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), ("", 0), ("soon", 0), ("-1", 0), ("٣", 0), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_what_a_cloud_names(text: str, seconds: float) -> None:
    assert retries.retry_after(text) == seconds


def test_every_call_of_a_login_is_among_them(cloud: Cloud) -> None:
    from flakeship.targets.openstack.api import connection, rest  # noqa: PLC0415

    cloud.refuse("POST /identity", 503, "tired", times=1)
    cloud.refuse("GET /compute", 502, "tired", times=1)
    with connection.connected("fake") as connected:
        rest.call(rest.client(connected, "compute"), "GET", "/limits")
    assert len(cloud.asked("POST /identity")) == 2
    assert len(cloud.asked("GET /compute/v2.1/limits")) == 2


@pytest.mark.parametrize(
    ("method", "fault", "calls"),
    [("GET", "cut", 2), ("GET", "half", 2), ("POST", "cut", 1), ("POST", "503", 2)],
)
def test_a_proxy_in_between_changes_nothing(
    weather: Weather, monkeypatch: pytest.MonkeyPatch, method: str, fault: str, calls: int
) -> None:
    monkeypatch.setenv("http_proxy", weather.url)
    monkeypatch.setenv("no_proxy", "")
    weather.script = [fault]
    with contextlib.suppress(auth.ConnectFailure):
        send("http://cloud.invalid/servers", method, data="{}")
    assert weather.calls == calls
