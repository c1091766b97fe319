"""The memory of whole updates whose images differ in size alone: nothing of ours holds an image.

The large image has a gigabyte of random bytes behind its partition, which no compression and no
hole in a file saves anybody from uploading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dev.bench.one_stack import image
from dev.bench.proxmox import stacks
from dev.bench.table import show
from dev.bench.timeline.processes import Sampled, peak
from dev.bench.timeline.watch import watching
from flakeship.model.sizes import MIB
from tests.targets.proxmox.e2e.project import ClusterStack

MORE = 1024
"""MiB that the large image has more."""
CONVERTED, BUILD = 'mkdir "$out"\n', "build/image.sh"
DECLARED, FLAKE = "inherit (host) disk memory;", "flake.nix"


def memory(stack: ClusterStack) -> None:
    """Measure both; `stack` is empty then, and its flake has the large image."""
    stacks.addressed(stack)
    rows = [once(stack)]
    enlarge(stack)
    rows.append(once(stack))
    head = ("image", "seconds", "largest process MB", "all at once MB")
    show("memory besides Pulumi's engine, language host and plugins in Go", head, rows)


def enlarge(stack: ClusterStack) -> None:
    """Let the appliance's image be of another size: its file, and what it says of its disk."""
    stack.edit(CONVERTED, f"head -c $(({MORE} << 20)) </dev/urandom >>disk.raw\n{CONVERTED}", BUILD)
    stack.edit(DECLARED, f"disk = host.disk + {MORE};\n            inherit (host) memory;", FLAKE)


def once(stack: ClusterStack) -> tuple[object, ...]:
    """Update a stack from a built image, and remove all of it."""
    stack.up()  # the builders of the image are processes of a run too
    size = image(stack).stat().st_size
    stack.pulumi("destroy", "--yes", "--skip-preview")
    with watching() as watch:
        replace(stack, env=stack.env | watch.env).up()
    stack.pulumi("destroy", "--yes", "--skip-preview")
    seen = watch.sampler.seen
    return f"{size // MIB} MiB", watch.seconds, largest(seen), peak(seen)


def largest(processes: Sequence[Sampled]) -> float:
    """The most memory that a process held that is neither Pulumi's own nor stays, in MB."""
    return max(each.rss for each in processes if not each.is_pulumi and not each.stays)
