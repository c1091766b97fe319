"""Starts the cloud: from nothing, from the golden copy, or after a crash."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable

from dev.openstack import config, golden, netns, ovn, progress, resources, schema, services
from dev.openstack.daemons import Daemon, await_ready, command, is_running, start
from dev.openstack.progress import say
from dev.openstack.site import Site
from flakeship.model.errors import FlakeshipError

WORKERS_SECONDS = 120.0
COMPLETE = "complete"
"""The file that exists once the cloud has everything that it starts with."""
MADE_WITH = "made-with"


def up(site: Site) -> None:
    """Start what is missing, in the order in which services need each other."""
    _prepare(site)
    since = resources.now()
    netns.ensure(site)
    schema.install_mariadb(site)
    database, bus, keystone = (
        make(site) for make in (services.mariadb, services.rabbitmq, services.keystone)
    )
    _start(site, [database, bus])
    ovn.ensure(site)
    _start(site, _adverts(site))
    await_ready(site, database)
    fresh = not (site.state / COMPLETE).exists()
    if fresh:
        say("creating the databases' tables, users and catalogue")
        schema.create(site)
    say("waiting for Keystone, RabbitMQ" + " and libvirt" * (site.driver == "libvirt"))
    hypervisor = _hypervisor(site)
    _start(site, [keystone, *hypervisor])
    for daemon in (keystone, bus, *hypervisor):
        await_ready(site, daemon)
    say("waiting for the APIs")
    apis, workers = services.apis(site), services.workers(site)
    started = _start(site, [*apis, *workers])
    for daemon in (*apis, *workers):
        await_ready(site, daemon)
    if fresh:
        say("creating flavors and networks")
        resources.seed(site)
    resources.first_look(site)
    _await_workers(site, [daemon for daemon in started if daemon in workers], since)
    if fresh:
        command(site, ["nova-manage", f"--config-file={site.etc}/nova.conf",
                       "cell_v2", "discover_hosts"])  # fmt: skip
        (site.state / COMPLETE).touch()
        # the fake driver keeps no identity of its node, and Nova refuses to start it a second time
        if site.driver == "libvirt":
            golden.save(site)
    say("the cloud is up")


def is_up(site: Site) -> bool:
    """Whether every process runs and every API answers."""
    if not (site.state / COMPLETE).exists() or not netns.exists(site):
        return False
    return all(is_running(site, daemon) for daemon in daemons(site)) and all(
        daemon.ready() for daemon in (services.keystone(site), *services.apis(site))
    )


def daemons(site: Site) -> list[Daemon]:
    """Every process of a cloud that is up."""
    core = [services.mariadb(site), services.rabbitmq(site), *ovn.daemons(site), *_adverts(site)]
    rest = [services.keystone(site), *services.apis(site), *services.workers(site)]
    return [*core, *_hypervisor(site), *rest]


def _hypervisor(site: Site) -> list[Daemon]:
    return [services.libvirtd(site)] if site.driver == "libvirt" else []


def _adverts(site: Site) -> list[Daemon]:
    return [services.radvd(site)] if netns.has_ipv6() else []


def refuse_other_choices(site: Site) -> None:
    """Refuse to change the driver or the addresses of an existing lab."""
    made = site.state / MADE_WITH
    if made.exists() and made.read_text() != site.described():
        raise FlakeshipError(
            "the lab exists with other choices: run `make lab-down` first, or make the same "
            "choices again:",
            details=made.read_text().splitlines(),
        )


def _prepare(site: Site) -> None:
    """Make the folder, or continue with an existing one."""
    if site.state.exists() and not (site.state / COMPLETE).exists():
        say("the last start was interrupted before the cloud was complete: starting over")
        down(site)
    if site.state.exists():
        say("starting what is missing")
    elif not golden.restore(site):
        say("starting from nothing: one or two minutes, later starts are quicker")
        site.state.mkdir(mode=0o700, parents=True)
    (site.state / MADE_WITH).write_text(site.described())
    config.write(site)


def down(site: Site) -> None:
    """Stop every process and delete all state."""
    netns.kill_all(site)
    netns.remove(site)
    if site.state.exists():
        shutil.rmtree(site.state)


def _start(site: Site, daemons: Iterable[Daemon]) -> list[Daemon]:
    """Start what does not run; those that were started."""
    return [daemon for daemon in daemons if start(site, daemon)]


def _await_workers(site: Site, started: Iterable[Daemon], since: float) -> None:
    """Wait until Nova's new workers have reported; one that ends meanwhile is an error at once."""
    waited = {daemon.name: daemon for daemon in started if daemon.name in resources.NOVA_WORKERS}
    if waited:
        say("waiting for Nova's workers to report")
    end = time.monotonic() + WORKERS_SECONDS
    while silent := sorted(resources.silent_workers(site, since) & waited.keys()):
        for name in silent:
            await_ready(site, waited[name])
        if time.monotonic() > end:
            log = progress.end_of(site.log / f"{silent[0]}.log")
            what = f"{silent[0]} has not reported in {WORKERS_SECONDS:.0f} s"
            raise FlakeshipError(what, details=log)
        time.sleep(0.5)
