"""Where the time of an update went: a line for each of its phases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flakeship.state.resources import PACKAGE

BEFORE = "inspection and evaluation"
PHASES = ("build", "publish", "server", "verification", "cutover")
"""In the order in which a server goes through them."""
OTHERS = "other resources"
OWN = {
    "Image": "publish",
    "Upload": "publish",
    "Machine": "server",
    "Verification": "verification",
    "Cutover": "cutover",
}
"""How types of Flakeship's own end."""
FOREIGN = {"image": "build", "template": "publish", "server": "server", "cutover": "cutover"}
"""How names of other providers' resources begin (flakeship.state.resources)."""
LEAST = 0.05  # seconds of others in a line


def phase(token: str, name: str) -> str:
    """The phase in which a resource of this type and name is made."""
    if token.startswith(f"{PACKAGE}:"):
        return next((title for end, title in OWN.items() if token.endswith(end)), OTHERS)
    return FOREIGN.get(name.partition("-")[0], OTHERS)


@dataclass(frozen=True)
class Step:
    """What was done to a resource; `begin` and `end` are in seconds after the program's start.

    A verification has the seconds that SSH took to answer, if it has seen them.
    """

    token: str
    name: str
    begin: float
    end: float
    seconds_to_ssh: float = 0.0

    @property
    def phase(self) -> str:
        """The title of its phase."""
        return phase(self.token, self.name)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.begin

    @property
    def subject(self) -> str:
        """The release, machine or server that it is about."""
        return self.name if self.token.startswith(f"{PACKAGE}:") else self.name.partition("-")[2]


def spent(steps: Sequence[Step]) -> dict[str, float]:
    """The seconds of each phase that there was, so that they are added up to what was waited for.

    Where several phases went on at one time, these seconds are those of the first of them: a
    verification that begins while its server is still made waits for that.
    """
    found: dict[str, float] = {}
    counted: list[Step] = []
    for title in (*PHASES, OTHERS):
        those = [step for step in steps if step.phase == title]
        if those:
            found[title] = _covered([*counted, *those]) - _covered(counted)
            counted += those
    if found.get(OTHERS, LEAST) < LEAST:
        del found[OTHERS]
    return found


def told(steps: Sequence[Step]) -> str:
    """The lines about an update that has taken these steps; empty where there was none."""
    if not steps:
        return ""
    start, end = min(step.begin for step in steps), max(step.end for step in steps)
    rows = [(BEFORE, start, "")]
    rows += [(title, seconds, _detail(title, steps)) for title, seconds in spent(steps).items()]
    width, digits = max(len(title) for title, *_ in rows), len(f"{end:.1f}")
    told = [
        f"  {title:{width}}  {seconds:{digits}.1f} s  {detail}".rstrip()
        for title, seconds, detail in rows
    ]
    return "\n".join([f"it took {end:.1f} s:", *told])


def _detail(title: str, steps: Sequence[Step]) -> str:
    those = [step for step in steps if step.phase == title]
    slowest = max(those, key=lambda step: step.seconds)
    ssh = f"SSH answered after {slowest.seconds_to_ssh:.1f} s" if slowest.seconds_to_ssh else ""
    if len(those) == 1 or title == OTHERS:
        return ssh
    which = f"slowest of {len(those)}: {slowest.subject}, {slowest.seconds:.1f} s"
    return f"{which}, {ssh}" if ssh else which


def _covered(steps: Sequence[Step]) -> float:
    """The seconds in which at least one of the steps was at work."""
    total, until = 0.0, 0.0
    for step in sorted(steps, key=lambda each: each.begin):
        total += max(0.0, step.end - max(step.begin, until))
        until = max(until, step.end)
    return total
