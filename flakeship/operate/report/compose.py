"""The page of a project, from the states of its environments; reads and changes nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from flakeship import __version__
from flakeship.model.release import Record
from flakeship.model.sizes import MIB
from flakeship.operate.held import Held, age, evidence, held, newest_first, when
from flakeship.operate.report import differences
from flakeship.operate.report.charts import Bar, Chart, chart
from flakeship.operate.report.differences import Inside, Pair
from flakeship.operate.report.page import Difference, Machine, Moment, Page, Section
from flakeship.state.environments import Environment, Project

LARGEST = 2**60  # bytes: no file has more, whatever a state says
NOT_COMPARED = Inside(unknown="it was not compared")


def page(
    name: str,
    project: Project,
    inside: Mapping[Pair, Inside],
    now: datetime,
) -> Page:
    """The page of a project of this name.

    `inside` is what is known of the pairs that `differences.pairs` names.
    """
    sections = [section(each, now) for each in project.environments]
    ledgers = {each.name: each.held for each in sections}
    releases = newest_first(ledgers.values())
    steps = differences.steps(project.environments, ledgers)
    return Page(
        name,
        __version__,
        now,
        project,
        sections,
        releases,
        [
            Difference(before, after, inside.get((before.name, after.name), NOT_COMPARED))
            for before, after in differences.pairs(releases, steps)
        ],
        steps,
        {
            host: charts(host, sections, [it for it in releases if it.release.host == host])
            for host in dict.fromkeys(each.release.host for each in releases)
        },
    )


def section(environment: Environment, now: datetime) -> Section:
    """An environment with its evidence."""
    if environment.stack is None:
        return Section(environment, [], [], [])
    found, unreadable = evidence(environment.stack)
    servers = environment.stack.outputs.servers
    active = {server.machine: name for name, server in servers.items()}
    machines = [
        Machine(each, moment(each.at, now), active.get(each.machine, ""))
        for each in sorted(found, key=lambda it: it.machine not in active)
    ]
    return Section(environment, held(environment), machines, [str(each) for each in unreadable])


def moment(text: str, now: datetime) -> Moment:
    """A time in a state, as the page shows it."""
    at = when(text)
    return Moment(at, age(at, now))


def mebibytes(record: Record) -> float:
    """The size of all files of a release."""
    return sum(min(file.size, LARGEST) for file in record.artifact.files) / MIB


def charts(host: str, sections: Sequence[Section], releases: Sequence[Record]) -> list[Chart]:
    """The sizes of a host's releases, and how long their verifications took."""
    sizes = [Bar(each.name, [mebibytes(each)]) for each in releases]
    times = [
        bar(section, found)
        for release in releases
        for section in sections
        for found in section.held
        if found.name == release.name
    ]
    parts = ["until SSH answered", "all checks, added up"]
    return [
        chart(f"{host}: image sizes", "MiB", ["all files of the image"], sizes),
        chart(f"{host}: verification times", "s", parts, times),
    ]


def bar(section: Section, found: Held) -> Bar:
    """The bar of a release in an environment."""
    record = found.record
    return Bar(f"{record.name}, {section.name}", [record.ssh_seconds, record.check_seconds])
