"""Methods on VMs: start and stop, the guest agent, and the serial console."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dev.proxmox import api_ha
from dev.proxmox.api_vm import VM
from dev.proxmox.errors import PveError
from dev.proxmox.guests import SILENT
from dev.proxmox.lab import Call, Lab, Steps, route, task
from dev.proxmox.machines import Machine
from dev.proxmox.tasks import Log
from dev.proxmox.terminals import Terminal
from flakeship.system.backoff import backoff

log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 60.0
MOST = 16 * 2**20  # bytes of a file that the agent reads


def _begin(lab: Lab, call: Call, tell: Log) -> None:
    with lab.changing(call) as machine:
        if machine.template:
            raise PveError("you can't start a vm if it's a template")
        machine.refuse_locked()
        if lab.guests.pid(machine.vmid):
            raise PveError(f"VM {machine.vmid} already running")
        machine.apply()
        if any("cloudinit" in volid for volid in machine.drives().values()):
            tell("generating cloud-init ISO")
        lab.guests.start(machine)


def _end(lab: Lab, call: Call, *, gently: bool) -> None:
    """End a guest; what is pending takes effect. Raises PveError where it does not end in time."""
    machine, guests = lab.machine(call), lab.guests
    if timer := lab.restarts.pop(call.vmid, None):
        timer.cancel()
    if guests.pid(machine.vmid) and gently:
        try:
            _agent(lab, call, "guest-ping")
            guests.agent(machine.vmid, "guest-shutdown")
        except PveError:
            guests.tell(machine.vmid, "system_powerdown")
        seconds = float(call.given.get("timeout", SHUTDOWN_SECONDS))
        ended = any(guests.pid(machine.vmid) is None for _ in backoff(seconds, most=0.2))
        if not ended and call.given.get("forceStop") != "1":
            raise PveError("VM quit/powerdown failed - got timeout")
    if guests.pid(machine.vmid):
        guests.stop(machine.vmid)
    with lab.changing(call) as machine:
        machine.apply()


def _running(lab: Lab, call: Call) -> Machine:
    machine = lab.machine(call)
    if not lab.guests.pid(machine.vmid):
        raise PveError(f"VM {machine.vmid} is not running")
    return machine


def _later(lab: Lab, call: Call, act: Callable[[], None]) -> None:
    """Do it when the task has ended, which is no part of it."""

    def late() -> None:
        with suppress(PveError):  # it was removed meanwhile, or started
            act()

    lab.restarts[call.vmid] = timer = threading.Timer(lab.restart_seconds, late)
    timer.daemon = True
    timer.start()


@task(f"POST {VM}/status/start", "qmstart")
def start(lab: Lab, call: Call) -> Steps:
    lab.machine(call)
    tell = yield
    if api_ha.asked(lab, call.vmid, "started"):
        tell(f"Requesting HA start for VM {call.vmid}")
        _later(lab, call, lambda: _begin(lab, call, log.info))
    else:
        _begin(lab, call, tell)


@task(f"POST {VM}/status/stop", "qmstop")
def stop(lab: Lab, call: Call) -> Steps:
    lab.machine(call)
    tell = yield
    if api_ha.asked(lab, call.vmid, "stopped"):
        tell(f"Requesting HA stop for VM {call.vmid}")
        _later(lab, call, lambda: _end(lab, call, gently=False))
    else:
        _end(lab, call, gently=False)


@task(f"POST {VM}/status/shutdown", "qmshutdown")
def shutdown(lab: Lab, call: Call) -> Steps:
    lab.machine(call)
    yield
    _end(lab, call, gently=True)


@task(f"POST {VM}/status/reset", "qmreset")
def reset(lab: Lab, call: Call) -> Steps:
    vmid = _running(lab, call).vmid
    yield
    lab.guests.tell(vmid, "system_reset")


@task(f"POST {VM}/status/reboot", "qmreboot")
def reboot(lab: Lab, call: Call) -> Steps:
    _running(lab, call)
    yield
    _end(lab, call, gently=True)

    _later(lab, call, lambda: _begin(lab, call, log.info))


def _agent(lab: Lab, call: Call, command: str, **arguments: object) -> Any:  # noqa: ANN401
    if not lab.machine(call).agent:
        raise PveError("No QEMU guest agent configured")
    machine = _running(lab, call)
    if machine.vmid in lab.faults.get("silent_agents", []):
        raise PveError(SILENT)
    return lab.guests.agent(machine.vmid, command, **arguments)


@route(f"POST {VM}/agent/ping")
def ping(lab: Lab, call: Call) -> dict[str, Any]:
    return {"result": _agent(lab, call, "guest-ping")}


@route(f"GET {VM}/agent/network-get-interfaces")
def interfaces(lab: Lab, call: Call) -> dict[str, Any]:
    return {"result": _agent(lab, call, "guest-network-get-interfaces")}


@route(f"GET {VM}/agent/file-read")
def file_read(lab: Lab, call: Call) -> dict[str, Any]:
    handle = _agent(lab, call, "guest-file-open", path=call.given["file"], mode="r")
    content, end = b"", False
    while not end and len(content) < MOST:
        part = _agent(lab, call, "guest-file-read", handle=handle, count=2**20)
        content, end = content + base64.b64decode(part["buf-b64"]), part["eof"]
    _agent(lab, call, "guest-file-close", handle=handle)
    return {"content": content.decode(errors="replace"), "bytes-read": len(content)}


@route(f"POST {VM}/termproxy")
def termproxy(lab: Lab, call: Call) -> dict[str, Any]:
    terminal = lab.terminals.open(lab.machine(call).vmid, call.who)
    upid = lab.tasks.start(call.node, "vncproxy", str(call.vmid), call.who,
                           lambda _: lab.terminals.work(terminal))  # fmt: skip
    return {"user": terminal.who, "ticket": terminal.ticket, "port": terminal.port, "upid": upid}


@route(f"GET {VM}/vncwebsocket")
def vncwebsocket(lab: Lab, call: Call) -> Terminal:
    given = call.given
    return lab.terminals.find(call.vmid, call.who, int(given["port"]), given["vncticket"])
