"""The verbs that command resources run: a request on standard input, one JSON object on output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from flakeship.model import codec
from flakeship.model.errors import FlakeshipError
from flakeship.nix import build as images
from flakeship.nix import store
from flakeship.nix.build import BuildRequest, ForgetRequest
from flakeship.operate import login, status
from flakeship.operate import verify as recheck
from flakeship.state import stack as selected
from flakeship.system import log
from flakeship.system.interrupt import install_signal_handlers
from flakeship.targets.local import cutover, data_disks, machine, orphans, verify_machine
from flakeship.targets.local.requests import (
    CutoverRequest,
    DiskRequest,
    MachineRequest,
    VerifyMachineRequest,
)
from flakeship.verify import verify


def progress(text: str) -> None:
    """Tell the person who waits."""
    print(text, file=sys.stderr, flush=True)


def build(text: str) -> str:
    """Build an image, or find it built."""
    return codec.dump(images.build(codec.parse(BuildRequest, text)))


def forget(text: str) -> str:
    """Let Nix collect an image again."""
    store.drop(codec.parse(ForgetRequest, text).root)
    return "{}"


def disk(text: str) -> str:
    """Make or grow a data disk."""
    data_disks.ensure(codec.parse(DiskRequest, text))
    return "{}"


def disk_delete(text: str) -> str:
    """Remove a data disk with what is on it."""
    data_disks.delete(codec.parse(DiskRequest, text))
    return "{}"


def start(text: str) -> str:
    """See to it that a machine runs, and keep its image as long as it exists."""
    request = codec.parse(MachineRequest, text)
    running = machine.ensure(request, progress)
    store.keep(request.image, Path(request.directory, "image"))
    return codec.dump(running)


def stop(text: str) -> str:
    """Stop a machine and remove its files."""
    machine.stop(codec.parse(MachineRequest, text))
    return "{}"


def check(text: str) -> str:
    """Verify a machine; what its last verification printed holds the host keys it pinned."""
    request = codec.parse(VerifyMachineRequest, text)
    printed = os.environ.get("PULUMI_COMMAND_STDOUT", "")
    pinned = verify.pinned_keys(printed, request.verify.machine)
    return codec.dump(verify_machine.verify_machine(request, pinned))


def move(text: str) -> str:
    """Cut over to a verified machine."""
    return codec.dump(cutover.cutover(codec.parse(CutoverRequest, text), progress))


def unname(text: str) -> str:
    """Take a server's stable name away."""
    cutover.remove(codec.parse(CutoverRequest, text))
    return "{}"


def tell(_: str) -> str:
    """Sum up the selected stack for a person."""
    return status.status(selected.selected())


def again(_: str) -> str:
    """Run the checks of the selected stack's servers once more."""
    return recheck.verify_stack(selected.selected(), progress)


def diff(text: str) -> str:
    """What changes inside the hosts of the selected stack; the text may name two releases."""
    before, after = [*text.splitlines(), "", ""][:2]
    act: Callable[..., str] = import_module("flakeship.operate.diff").diff
    return act(selected.selected(), before.strip(), after.strip(), progress)


def log_in(text: str) -> str:
    """The command line that logs in to a server, whose name is given."""
    return login.command(selected.selected(), text.strip(), progress)


def sweep(_: str) -> str:
    """Remove what a killed run has left and the selected stack does not know."""
    stack = selected.settled(selected.selected())
    gone = orphans.sweep(stack.name, stack.deployment)
    lines = [f"removed {', '.join(gone)}"] if gone else []
    if (cloud := selected.cloud(stack)) is not None:
        # openstacksdk takes its time, which the target `local` does not pay
        lines += import_module("flakeship.targets.openstack.sweep").sweep(stack, cloud)
    return "\n".join(lines) or "nothing is left over"


def on_openstack(verb: str) -> Callable[[str], str]:
    """A verb of the target openstack. What it needs is imported when it runs, and by it alone."""

    def act(text: str) -> str:
        verbs: dict[str, Callable[[str, Callable[[str], None]], str]]
        verbs = import_module("flakeship.targets.openstack.commands").VERBS
        return verbs[verb](text, progress)

    return act


VERBS: dict[str, Callable[[str], str]] = {
    "build": build,
    "forget": forget,
    "disk": disk,
    "disk-delete": disk_delete,
    "start": start,
    "stop": stop,
    "verify": check,
    "cutover": move,
    "cutover-remove": unname,
    "summary": tell,
    "ssh": log_in,
    "recheck": again,
    "diff": diff,
    "sweep": sweep,
    **{verb: on_openstack(verb) for verb in ("publish", "withdraw", "shelve", "review", "trial")},
}


def main(argv: list[str]) -> int:
    """Run one verb; a FlakeshipError is its text on standard error and exit code 1."""
    if len(argv) != 1 or argv[0] not in VERBS:
        progress(
            f"usage: python -m flakeship VERB < REQUEST, where VERB is one of {', '.join(VERBS)}"
        )
        return 2
    log.configure()
    os.umask(0o077)  # data disks and console logs are for their owner alone
    install_signal_handlers()  # what was begun is undone
    try:
        print(VERBS[argv[0]]("" if sys.stdin.isatty() else sys.stdin.read()))
    except (FlakeshipError, OSError) as error:
        progress(str(error))
        return 1
    except KeyboardInterrupt:
        progress(f"{argv[0]}: interrupted")
        return 130
    return 0


sys.exit(main(sys.argv[1:]))
