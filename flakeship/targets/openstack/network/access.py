"""How a verification reaches a server that may have no public address yet."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from flakeship.model.ports import SSH, tcp_numbers
from flakeship.ssh import connection, errors
from flakeship.ssh.connection import Connection
from flakeship.ssh.options import Endpoint, SshOptions
from flakeship.system.tcp import LOOPBACK
from flakeship.targets.openstack.api.errors import client
from flakeship.targets.openstack.network import own_bastion
from flakeship.targets.openstack.network.port import (
    FloatingIp,
    Port,
    all_floating,
    temporary_address,
)
from flakeship.targets.openstack.requests import Bastion, OwnBastion, VerifyServerRequest
from flakeship.verify.request import Route

if TYPE_CHECKING:
    from openstack.proxy import Proxy

log = logging.getLogger(__name__)

UNUSABLE = "%s: cannot use %s as a bastion: %s"


@dataclass(frozen=True)
class NovaAccess:
    """The access to a server by its port, as the setting `access` says.

    `known` are the project's floating IPs, where they were read for this already.
    """

    network: Proxy
    request: VerifyServerRequest
    port: Port
    known: Sequence[FloatingIp] | None = None

    @contextmanager
    def open(self) -> Iterator[Route]:
        """Open the route that the request asks for; what it needs is removed afterwards.

        An active server that cannot be used as a bastion is replaced by a temporary floating IP:
        what is wrong with it must not block its successor. Raises FlakeshipError.
        """
        request, subnet, bastion = self.request, self.port.subnet, self.request.bastion
        ports = {number: number for number in self._declared}
        with ExitStack() as opened:
            if self._serving():
                yield Route(request.stable, ports, subnet, serving=True)
            elif request.access == "direct":
                yield Route(self.port.ipv4, ports, subnet)
            elif request.access == "bastion" and isinstance(bastion, OwnBastion):
                yield self._through_own_bastion(opened, bastion)
            elif request.access == "bastion" and (route := self._through_bastion(opened)):
                yield route
            else:
                temporary = temporary_address(self.network, request, self.port, self._floating)
                address = opened.enter_context(temporary)
                yield Route(address, ports, subnet, login=self._by_hand)

    @property
    def _declared(self) -> list[int]:
        """The TCP ports that the checks need."""
        return sorted({SSH, *tcp_numbers(self.request.verify.ports)})

    def _serving(self) -> bool:
        """Whether the stable address leads to this very port."""
        stable = self.request.stable
        if not stable or stable == self.port.ipv4:
            return bool(stable)
        here = (each for each in self._floating if each["port_id"] == self.port.id)
        return any(each["floating_ip_address"] == stable for each in here)

    @cached_property
    def _floating(self) -> Sequence[FloatingIp]:
        return all_floating(self.network) if self.known is None else self.known

    def _through_bastion(self, opened: ExitStack) -> Route | None:
        """Forwards through the bastion; None, with a line in the log, where it cannot be used."""
        request, machine, bastion = self.request, self.request.machine, self.request.bastion
        if bastion is None:
            log.info("%s: the stack has no active server yet to use as a bastion", machine)
            return None
        if SSH in request.restricted:
            why = f"port {SSH} is restricted, and the bastion's private address may not be allowed"
            log.info(UNUSABLE, machine, bastion.name, why)
            return None
        login = opened.enter_context(self._login_on(bastion))
        try:
            login.connect(bastion.seconds, up=bastion.up)
            route = self._forwarded(login, bastion)
        except (
            errors.UnreachableError,
            errors.LoginRefusedError,
            errors.HostKeyRefusedError,
        ) as error:
            log.info(UNUSABLE, machine, bastion.name, error)
            return None
        log.info("%s: using %s as a bastion", machine, bastion.name)
        return route

    def _through_own_bastion(self, opened: ExitStack, bastion: OwnBastion) -> Route:
        """Forwards through the bastion of the settings, which nothing replaces."""
        with own_bastion.named(bastion):
            login = opened.enter_context(self._login_on(bastion))
            login.connect(bastion.seconds, up=bastion.up)
            route = self._forwarded(login, bastion)
        log.info("%s: using the bastion %s", self.request.machine, own_bastion.place(bastion))
        reached = own_bastion.reaching(login, bastion, route, self.port.ipv4)
        opened.enter_context(reached)
        return route

    def _login_on(self, bastion: Bastion) -> Connection:
        identity = self.request.verify.identity
        return connection.Connection(bastion.endpoint(identity), bastion.host_keys)

    def _forwarded(self, login: Connection, bastion: Bastion) -> Route:
        """Forwards of the declared ports; a person logs in by the same way."""
        address = self.port.ipv4
        ports = {number: login.forward(address, number) for number in self._declared}
        proxy = bastion.proxy(self.request.verify.identity, address)
        return Route(
            LOOPBACK,
            ports,
            self.port.subnet,
            own=False,
            login=lambda keys: [f"  {self._login(address, keys, proxy)}"],
        )

    def _by_hand(self, keys: Sequence[str]) -> list[str]:
        """The commands that log in once the temporary address has been removed."""
        cloud = self.request.cloud
        create = f"floating ip create --port {self.port.id} {self.request.pool}"
        return [
            "  its temporary address has been removed; this creates another ADDRESS:",
            f"  {client(cloud, create)}",
            f"  {self._login('ADDRESS', keys)}",
            "  and this removes it afterwards, which nothing else does:",
            f"  {client(cloud, 'floating ip delete ADDRESS')}",
        ]

    def _login(self, address: str, keys: Sequence[str], proxy: str = "") -> str:
        verify = self.request.verify
        login = Endpoint(verify.machine, address, SSH, verify.user, verify.identity)
        return SshOptions(login, keys, proxy=proxy).command_line()
