"""One stack goes through the parts that every target has, with a server of the appliance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from dev.bench.preview import preview
from tests.project import Project

HELLO, WELCOME = "Hello from the appliance", "Welcome to the appliance"

S = TypeVar("S", bound=Project)


@dataclass(frozen=True)
class OneStack(Generic[S]):
    """What a target does: its settings, and its way of measuring each part.

    `moves` gets the pages of the two running releases, the active one last, and their images;
    `first` gets a stack that is empty, and an image that is built.
    """

    configure: Callable[[S], None]
    calls_of_a_preview: Callable[[S], None]
    second_release: Callable[[S], object]
    moves: Callable[[S, Mapping[str, str], Sequence[Path]], None]
    first: Callable[[S, Path], None]

    def measure(self, stack: S, parts: Sequence[str]) -> None:
        """Measure some parts; the stack is empty at the end."""
        self.configure(stack)
        print("building the image and bringing up a first server…", flush=True)
        stack.up()
        pages, images = {stack.running(): HELLO}, [image(stack)]
        if "preview" in parts:
            preview(stack)
            self.calls_of_a_preview(stack)
        if "moves" in parts:
            print("a second release…", flush=True)
            stack.edit(HELLO, WELCOME)
            self.second_release(stack)
            pages[stack.running()] = WELCOME
            images.append(image(stack))
            self.moves(stack, pages, images)
            self.configure(stack)
        stack.pulumi("destroy", "--yes", "--skip-preview")
        if "first" in parts:
            self.first(stack, images[-1])


def image(stack: Project) -> Path:
    """The file of the newest release."""
    return Path(stack.outputs()["releases"][0]["artifact"]["files"][0]["path"])
