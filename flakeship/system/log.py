"""Progress and the debug log, on standard error; standard output is for results alone.

A module logs with `logging.getLogger(__name__)`: `info` is a line for the person who waits, `debug`
is shown with `-v` or FLAKESHIP_LOG=debug. Never log a secret.
"""

from __future__ import annotations

import logging
import os
import sys

PLAIN = "%(message)s"
DEBUG = "%(asctime)s %(name)s: %(message)s"


def configure(*, verbose: bool = False) -> None:
    """Write what Flakeship logs to standard error; `verbose` or FLAKESHIP_LOG=debug: all of it."""
    verbose = verbose or debug_wanted()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(DEBUG if verbose else PLAIN))
    logger = logging.getLogger("flakeship")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)


def configure_debug() -> None:
    """Inside a Pulumi program, which has a log of its own: only with FLAKESHIP_LOG=debug."""
    if debug_wanted():
        configure()


def failure(error: Exception) -> None:
    """Log the code of a failure, which tells it apart from others."""
    logging.getLogger(__name__).debug("code: %s", getattr(error, "code", type(error).__name__))


def debug_wanted() -> bool:
    """Whether the environment asks for the debug log."""
    return os.environ.get("FLAKESHIP_LOG", "").lower() == "debug"
