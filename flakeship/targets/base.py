"""What a target is. Each folder below flakeship/targets/ with a `spec.py` is one.

A target has three faces. Its `TargetSpec` says what it is and is cheap to import. Its `Target`
inspects and plans inside a Pulumi program; `components/<name>/graph.py` declares what it planned.
Its `Operator` serves the user's commands on a stack that exists.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from flakeship.config.target import TargetSchema

if TYPE_CHECKING:
    # an operation has no use for them, and its process starts sooner
    from flakeship.config.settings import AnySettings
    from flakeship.model.evidence import CheckResult
    from flakeship.model.release import Record, Release
    from flakeship.release.desired import Desired
    from flakeship.rollout.changes import ServerChange
    from flakeship.rollout.summary import Summary
    from flakeship.state.outputs import ServerOutput, StackOutputs
    from flakeship.state.stack import Stack

InventoryT = TypeVar("InventoryT")
PlanT_co = TypeVar("PlanT_co", bound="Plan", covariant=True)


@dataclass(frozen=True)
class Plugin:
    """A Pulumi resource plugin that a stack on the target needs beside `command`.

    `server` is where it is downloaded, as its SDK says it; empty for those of Pulumi's own site.
    """

    name: str
    version: str
    server: str = ""


@dataclass(frozen=True)
class Tool:
    """A command that is run, and how to get it."""

    command: str
    get: str


@dataclass(frozen=True)
class ResourceType:
    """A type of Flakeship's own resources; its inputs are the fields of `request`.

    `create` makes the resource and, when its inputs have changed, brings it up to date. It gets the
    inputs, and as JSON the result of the last time, empty for the first time; it returns the
    result: a dataclass, or None. `delete` gets the inputs and the result that the state has.
    """

    request: type[Any]
    create: Callable[[Any, str], object]
    delete: Callable[[Any, str], object] | None = None


@dataclass(frozen=True)
class Function:
    """A function of the provider for the program: it changes nothing.

    `call` gets a `request` and returns an `answer`, both dataclasses; it raises FlakeshipError.
    What it needs is imported in the provider alone, which is there for the resources anyway.
    """

    request: type[Any]
    answer: type[Any]
    call: Callable[[Any], object]


class Call(Protocol):
    """Calls a function of the target, by its name, in the provider. Raises FlakeshipError."""

    async def __call__(self, name: str, request: object) -> Any:  # noqa: ANN401
        """The function's answer."""


Preloaded = Literal["functions", "operations"]

LoggedIn = Callable[[], str]
"""The logins of a block as text, for the next process: it has tokens, and stays in memory."""


@contextmanager
def no_logins(_given: str) -> Iterator[LoggedIn]:
    """`TargetSpec.logins` of a target that needs none."""
    yield lambda: ""


class Plan(Protocol):
    """What the program needs of a target's plan; the rest is between the target and its graph."""

    @property
    def records(self) -> Sequence[Record]:
        """The verified releases that stay beside the desired ones."""

    @property
    def needs_files(self) -> Collection[str]:
        """The names of releases whose files are read on this workstation to boot a machine of them.

        Of a desired one they are needed now, of a record once it is chosen again. It needs none
        where the target holds its image, or where its machines are there.
        """

    @property
    def instead_of_files(self) -> Mapping[str, str]:
        """By release what would spare its files, for the error where nothing has them."""

    @property
    def max_image_disk(self) -> Mapping[str, int]:
        """The smallest root disk in MiB that is to boot a release whose disk size is unknown."""

    @property
    def releases(self) -> Mapping[str, Release]:
        """The desired release of each host, as the ledger has it where it is in there."""

    @property
    def facts(self) -> Sequence[str]:
        """What a preview should mention."""

    @property
    def summary(self) -> Summary:
        """What happens to each server: told by a preview, and when it is done."""

    @property
    def warnings(self) -> Sequence[str]:
        """What a preview should warn of."""


class Target(Protocol[InventoryT, PlanT_co]):
    """A target inside a Pulumi program: one inspection, then a pure plan."""

    async def inspect(self, call: Call, known: Mapping[str, StackOutputs]) -> InventoryT:
        """Read what planning needs, once, while the flake is evaluated. Raises FlakeshipError.

        `call` calls the target's functions. `known` are the outputs of the last good run and of the
        stack that releases are promoted from, by the names of the stacks.
        """

    def plan(self, desired: Desired, inventory: InventoryT) -> PlanT_co:
        """Compute what is to be; no input and no output. Raises FlakeshipError (preflight)."""


@dataclass(frozen=True)
class Verified:
    """A repeated verification: the machine, and its checks or a note why there are none."""

    machine: str
    checks: Sequence[CheckResult] = ()
    note: str = ""


@dataclass(frozen=True)
class SweepResult:
    """Orphaned resources: what was removed, and lines about what a person has to decide on.

    `blocking` are commands that remove what others have put where it keeps the stack from being
    destroyed.
    """

    removed: Sequence[str] = ()
    left: Sequence[str] = ()
    blocking: Sequence[str] = ()


class Operator(Protocol):
    """A target's part of the user's commands on an existing stack."""

    def refuse_elsewhere(self) -> None:
        """Refuse a stack whose servers only another place can change. Raises FlakeshipError."""

    def login(self, name: str) -> Sequence[str] | None:
        """The argv that logs in to a server or machine, None: unknown. Raises FlakeshipError."""

    def verify(self, name: str = "") -> Sequence[Verified]:
        """Run the checks again, of all or one server. Raises FlakeshipError with all reports."""

    def describe(self, name: str, server: ServerOutput) -> Sequence[str]:
        """Lines of `flakeship status` about a server, beside its login, ports and evidence."""

    def describe_release(self, name: str) -> Sequence[str]:
        """Lines of `flakeship status` about a release's image in the target."""

    def restore(self, server: str, disk: str, snapshot: str) -> None:
        """Give a data disk of a server the content of a snapshot. Raises FlakeshipError."""

    def removal(self) -> Sequence[ServerChange]:
        """What a destroy of the stack does to each server. Raises FlakeshipError."""

    def orphans(self) -> Sequence[str]:
        """Orphaned resources that can be seen at no cost; a hint to sweep."""

    def sweep(self) -> SweepResult:
        """Remove orphaned resources that certainly nobody uses. Raises FlakeshipError."""


class TargetSpec(TargetSchema, Protocol):
    """What a target is, without its SDK: importing it costs next to nothing."""

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """What the set-up installs for it."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The commands that it runs beside those of every stack."""

    def open(self, stack: str, settings: AnySettings) -> Target[Any, Plan]:
        """The target for a Pulumi program."""

    def operator(self, stack: Stack) -> Operator:
        """The target for the user's commands."""

    def resource_types(self) -> Mapping[str, ResourceType]:
        """The types of its resources by name: `flakeship:<target>:<name>`."""

    def functions(self) -> Mapping[str, Function]:
        """Its functions by name: `flakeship:<target>:<name>`."""

    def logins(self, given: str) -> AbstractContextManager[LoggedIn]:
        """Let what happens in a block go on from logins that another process had (`LoggedIn`)."""

    def preload(self, what: Preloaded) -> None:
        """Import what its functions or the operations of its types need.

        Raises ImportError for a missing SDK.
        """
