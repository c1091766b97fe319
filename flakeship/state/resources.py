"""The names and types of resources in a stack, composed and parsed in one place.

Flakeship's own resources are told by their type, `flakeship:<target>:<Type>`, and named by their
subject alone. Those of other providers are named `<prefix>-<subject>`. Each kind is declared once,
here or in the folder of the target that declares such resources.
"""

from __future__ import annotations

from dataclasses import dataclass

PACKAGE = "flakeship"
"""The package of Flakeship's own types."""

RESULT = "result"
"""The one output of a resource of Flakeship's own, beside its inputs."""


COMMAND = "command:local:Command"
"""The type of the build of an image and, in states of older versions, of everything of ours."""

PREPARE = f"{PACKAGE}:index:prepare"
"""The function of the provider by which a program says early what it is going to change."""


REQUEST, ANSWER, ERROR = "request", "answer", "error"
"""A target's functions get a request as JSON, and return an answer as JSON, or the fields of a
FlakeshipError."""


@dataclass(frozen=True)
class Kind:
    """A kind of resource: by the prefix of its names or, if it is our own, by its `type`.

    That is the last part: every target has a `Verification`. One that makes what it works on, and
    removes it, is called `Ephemeral...`.
    """

    prefix: str
    type: str = ""

    def name(self, subject: str) -> str:
        """The name of the resource of a subject: a release, a server or a machine."""
        return subject if self.type else self.key(subject)

    def key(self, subject: str) -> str:
        """What tells the resource from those of every other kind."""
        return f"{self.prefix}-{subject}"

    def subject(self, token: str, urn: str) -> str | None:
        """The subject of a resource of this kind; None for a resource of another kind."""
        name = urn_name(urn)
        if token.startswith(f"{PACKAGE}:"):  # a component too, whose name is the user's
            return name if token.rpartition(":")[2].removeprefix("Ephemeral") == self.type else None
        if self.type and token != COMMAND:
            return None
        start = f"{self.prefix}-"
        return name.removeprefix(start) if name.startswith(start) else None


def urn_name(urn: str) -> str:
    """The name in a resource's URN, which may have colons itself."""
    return urn.split("::", 3)[-1]


def replacing(machine: str) -> str:
    """The words for `pulumi up` that make everything of a machine anew: ours, and others'."""
    return f"--replace '**::{machine}' --replace '**-{machine}'"


def token(target: str, type_name: str) -> str:
    """The type of a resource of a target as Pulumi writes it."""
    return f"{PACKAGE}:{target}:{type_name}"


IMAGE = Kind("image")
"""The build of a release's image; the subject is the release's name."""

IMAGE_COPY = Kind("copy")
"""The copy of a host's image in the image store; the subject is the host's name."""

VERIFICATION = Kind("verification", "Verification")
"""The verification of a machine; the subject is the machine's id."""
