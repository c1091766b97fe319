"""`python -m dev.setup VERB [STACK [PLUGIN...]]`: what the Makefile calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dev.alone import alone
from dev.setup import paths, plugins, record, state
from dev.setup.tools import Machine
from flakeship.model.errors import FlakeshipError


def set_up(stack: str, named: Sequence[str]) -> None:
    """Get all that is missing for a stack; where nothing is, cost nothing."""
    stack = stack or state.EMBEDDED
    machine, chosen = Machine.here(), state.backend(os.environ)
    needed = plugins.wanted(stack, named)
    if record.is_complete(stack, record.seen(machine, chosen, needed), chosen):
        return
    from dev.setup import appliance, engine, environment, nix, packages  # noqa: PLC0415

    with setting_up():
        state.ensure(stack, chosen, os.environ)
        packages.ensure(machine)
        nix.ensure(machine)
        plugins.ensure(engine.ensure(machine), needed, machine)
        needed = plugins.wanted(stack, named)  # what had been built before counts again
        env = environment.write(stack, machine, chosen, needed)
        appliance.fill(env)
        record.keep(record.seen(machine, chosen, needed))


@contextmanager
def setting_up() -> Iterator[None]:
    """Let one set-up at a time work in the cache."""
    folder = paths.cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "setup.lock").open("w")
    except OSError as error:
        raise FlakeshipError(
            f"{folder} cannot be written ({error.strerror}): set XDG_CACHE_HOME to your own folder"
        ) from error

    def waiting() -> None:
        from dev.setup.progress import say  # noqa: PLC0415

        say("waiting for another set-up that is under way")

    with alone(lock, waiting):
        yield


def main(verb: str, stack: str = "", *named: str) -> int:
    """Run one verb for a stack, with the plugins named beside those of its target."""
    try:
        match verb:
            case "setup":
                set_up(stack, named)
            case "doctor":
                from dev.setup import doctor  # noqa: PLC0415

                return doctor.report(stack, named)
            case "check" | "format":
                from dev.setup import check  # noqa: PLC0415

                return check.run_all() if verb == "check" else check.format_all()
            case _:
                print(f"set-up: {verb} is no verb: setup, doctor, check, format", file=sys.stderr)
                return 2
    except FlakeshipError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: interrupted; run it again to go on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["setup"])))
