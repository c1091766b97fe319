"""`python -m dev.setup COMMAND [STACK [TARGET...]]`: what the Makefile calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dev.alone import alone
from dev.setup import paths, plugins, record, state
from dev.setup.tools import Machine
from flakeship.model.errors import FlakeshipError
from flakeship.state import choice


def set_up(stack: str, named: Sequence[str]) -> None:
    """Install all that a stack is missing. Costs a tenth of a second where nothing is."""
    stack = stack or state.EMBEDDED
    machine, chosen = Machine.detect(), state.backend(os.environ)
    needed = plugins.needed(stack, named)
    if record.is_complete(stack, record.snapshot(machine, chosen, needed), chosen):
        return
    from dev.setup import appliance, engine, environment, nix, packages  # noqa: PLC0415

    with setting_up():
        state.ensure(stack, chosen, os.environ)
        packages.ensure(machine)
        nix.ensure(machine)
        plugins.ensure(engine.ensure(machine), needed, machine)
        needed = plugins.needed(stack, named)  # what had been built before counts again
        env = environment.write(stack, machine, chosen, needed)
        appliance.fill(env)
        record.save(record.snapshot(machine, chosen, needed))


@contextmanager
def setting_up() -> Iterator[None]:
    """Let one set-up at a time work in the cache."""
    folder = paths.cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "setup.lock").open("w")
    except OSError as error:
        raise FlakeshipError(
            f"cannot write to {folder} ({error.strerror}): set XDG_CACHE_HOME to a folder of yours"
        ) from error

    def waiting() -> None:
        from dev.setup.progress import say  # noqa: PLC0415

        say("waiting for another set-up to end")

    with alone(lock, waiting):
        yield


def main(command: str, stack: str = "", *words: str) -> int:
    """Run one command for a stack; `words` name targets whose plugins are wanted as well."""
    named = " ".join(words).split()
    try:
        choice.own_name(stack or state.EMBEDDED, "STACK")
        match command:
            case "setup":
                set_up(stack, named)
            case "doctor":
                from dev.setup import doctor  # noqa: PLC0415

                return doctor.report(stack, named)
            case "browser":
                from dev.setup import browser  # noqa: PLC0415

                with setting_up():
                    browser.ensure(Machine.detect())
            case "yaml":
                from dev.setup import engine  # noqa: PLC0415

                with setting_up():
                    engine.ensure_yaml(Machine.detect())
            case "backends":
                from dev.setup import backends  # noqa: PLC0415

                with setting_up():
                    backends.ensure(Machine.detect())
            case "check" | "format":
                from dev.setup import check  # noqa: PLC0415

                return check.run_all() if command == "check" else check.format_all()
            case _:
                known = "setup, doctor, check, format, browser, yaml or backends"
                print(f"set-up: unknown command {command}: use {known}", file=sys.stderr)
                return 2
    except FlakeshipError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: interrupted; run it again to continue", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["setup"])))
