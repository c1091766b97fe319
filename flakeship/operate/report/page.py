"""What is on the page, as values: everything in it may come from a state, and is data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from flakeship.model.evidence import Evidence
from flakeship.model.release import Record
from flakeship.model.statement import Revocation
from flakeship.operate.held import UNKNOWN, Held, age
from flakeship.operate.report.charts import Chart
from flakeship.operate.report.differences import Inside, Step
from flakeship.state.environments import Environment, Project
from flakeship.state.outputs import ServerOutput


@dataclass(frozen=True)
class Moment:
    """A time, and how long before the page was made it was."""

    at: datetime
    age: str

    @property
    def known(self) -> bool:
        """Whether it is recorded."""
        return self.at != UNKNOWN

    @property
    def counts(self) -> bool:
        """Whether the age is a number."""
        return self.age[:1].isdigit()


@dataclass(frozen=True)
class Machine:
    """The evidence of one machine, and what the machine is for: `server` is empty for a standby."""

    evidence: Evidence
    at: Moment
    server: str

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(not check.passed for check in self.evidence.checks)

    @property
    def summary(self) -> str:
        """How the checks ended."""
        number = len(self.evidence.checks)
        some = f"{self.failed} of {number} checks failed"
        return some if self.failed else f"{number} checks passed"


@dataclass(frozen=True)
class Section:
    """An environment with all that its state has; `problems` are of its machines' evidence."""

    environment: Environment
    held: Sequence[Held]
    machines: Sequence[Machine]
    problems: Sequence[str]

    @property
    def name(self) -> str:
        """The stack's name."""
        return self.environment.name

    @property
    def current(self) -> Sequence[Held]:
        """The release of each host that runs, or would run on a server that stays."""
        return [each for each in self.held if each.running or each.live]

    @property
    def servers(self) -> Mapping[str, ServerOutput]:
        """Those of the last run."""
        stack = self.environment.stack
        return stack.outputs.servers if stack else {}


@dataclass(frozen=True)
class Difference:
    """Two releases of a host, the later one first verified after the other, and what changed."""

    before: Record
    after: Record
    inside: Inside


@dataclass(frozen=True)
class Page:
    """The whole page. `releases` has every release once, the newest first; `charts` are by host."""

    name: str
    version: str
    made: datetime
    project: Project
    sections: Sequence[Section]
    releases: Sequence[Record]
    differences: Sequence[Difference]
    steps: Sequence[Step]
    charts: Mapping[str, Sequence[Chart]]

    def cell(self, section: Section, release: Record) -> Held | None:
        """What an environment holds of a release."""
        return next((each for each in section.held if each.name == release.name), None)

    def revoked(self, release: Record) -> Revocation | None:
        """The revocation of a release; None where it is not revoked."""
        return self.project.statements.revoked(release.name)

    def record(self, release: str) -> Record | None:
        """A release by its name; None where no ledger has it."""
        return next((each for each in self.releases if each.name == release), None)

    def moment(self, at: datetime) -> Moment:
        """A time as the page shows it."""
        return Moment(at, age(at, self.made))
