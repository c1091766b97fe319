"""Brings the cloud up, from nothing, from the golden copy, or what a crash has left of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable

from flakeship.errors import FlakeshipError
from lab.openstack import config, golden, netns, ovn, progress, resources, schema, services
from lab.openstack.daemons import Daemon, await_ready, command, lives, start
from lab.openstack.progress import say
from lab.openstack.site import Site

WORKERS_SECONDS = 90.0
COMPLETE = "complete"
"""The file that is there once the cloud has all that it starts with."""


def up(site: Site) -> None:
    """Start what is missing, in the order in which services need each other."""
    if _is_up(site):
        return
    _prepare(site)
    since = resources.now()
    netns.ensure(site)
    schema.install_mariadb(site)
    database, bus = services.mariadb(site), services.rabbitmq(site)
    _start(site, [database, bus])
    ovn.ensure(site)
    say("OVN is up; waiting for MariaDB")
    if netns.has_ipv6():
        _start(site, [services.radvd(site)])
    await_ready(site, database)
    complete = site.state / COMPLETE
    fresh = not complete.exists()
    if fresh:
        say("creating the databases' tables, users and catalogue")
        schema.create(site)
    keystone = services.keystone(site)
    _start(site, [keystone])
    await_ready(site, keystone)
    say("keystone answers; waiting for RabbitMQ" + (" and libvirt" * (site.driver == "libvirt")))
    hypervisor = [services.libvirtd(site)] if site.driver == "libvirt" else []
    _start(site, hypervisor)
    for daemon in (bus, *hypervisor):
        await_ready(site, daemon)
    apis, workers = services.apis(site), services.workers(site)
    _start(site, [*apis, *workers])
    say("waiting for the APIs")
    for daemon in (*apis, *workers):
        await_ready(site, daemon)
    if fresh:
        say("APIs answer; creating flavors and networks")
        resources.seed(site)
    _await_workers(site, workers, since)
    if fresh:
        command(site, ["nova-manage", f"--config-file={site.etc}/nova.conf",
                       "cell_v2", "discover_hosts"])  # fmt: skip
        complete.touch()
        golden.save(site)
    say("the cloud is up")


def _is_up(site: Site) -> bool:
    """Whether every process lives and every API answers."""
    if not (site.state / COMPLETE).exists() or not netns.exists(site):
        return False
    return all(lives(site, daemon) for daemon in daemons(site)) and all(
        daemon.ready() for daemon in (services.keystone(site), *services.apis(site))
    )


def daemons(site: Site) -> list[Daemon]:
    """Every process of a cloud that is up."""
    hypervisor = [services.libvirtd(site)] if site.driver == "libvirt" else []
    adverts = [services.radvd(site)] if netns.has_ipv6() else []
    core = [services.mariadb(site), services.rabbitmq(site), *ovn.daemons(site), *adverts]
    rest = [services.keystone(site), *services.apis(site), *services.workers(site)]
    return [*core, *hypervisor, *rest]


def _prepare(site: Site) -> None:
    """Make the folder, or see that the one that is there fits."""
    chosen = site.state / "driver"
    if chosen.exists() and chosen.read_text() != site.driver:
        raise FlakeshipError(
            f"the lab is there with VIRT={chosen.read_text()}: `make lab-down` removes it first"
        )
    if site.state.exists() and not (site.state / COMPLETE).exists():
        say("the last start was interrupted before the cloud was complete: starting over")
        down(site)
    if not site.state.exists():
        site.state.mkdir(mode=0o700, parents=True)
        if not golden.restore(site):
            say("from nothing: this takes a minute or two, the next time is quicker")
        chosen.write_text(site.driver)
    else:
        say("starting what is missing")
    config.write(site)


def down(site: Site) -> None:
    """End everything that runs and forget it."""
    netns.kill_all(site)
    netns.remove(site)
    if site.state.exists():
        shutil.rmtree(site.state)


def _start(site: Site, wanted: Iterable[Daemon]) -> None:
    for daemon in wanted:
        start(site, daemon)


def _await_workers(site: Site, workers: Iterable[Daemon], since: float) -> None:
    """Wait until Nova's workers have reported; one that ends meanwhile is an error at once."""
    say("waiting for Nova's workers to report")
    end = time.monotonic() + WORKERS_SECONDS
    while silent := resources.silent_workers(site, since):
        for daemon in workers:
            await_ready(site, daemon)
        if time.monotonic() > end:
            name = min(silent)
            said = progress.end_of(site.log / f"{name}.log")
            raise FlakeshipError(f"{name} has not reported in {WORKERS_SECONDS:.0f} s. {said}")
        time.sleep(0.5)
