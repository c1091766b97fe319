"""Progress and the debug log, on standard error; standard output is for results alone.

A module logs with `logging.getLogger(__name__)`: `info` is a line for the person who waits, `debug`
is shown with `-v` or FLAKESHIP_LOG=debug. Never log a secret, nor what a guest says uncleaned.
"""

from __future__ import annotations

import logging
import os
import re
import sys

PLAIN = "%(message)s"
DEBUG = "%(asctime)s %(name)s: %(message)s"
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_=>c78])")
CONTROLS = re.compile(r"[^\n\t\x20-\x7e\xa0-\U0010ffff]")


def configure(*, verbose: bool = False) -> None:
    """Write what Flakeship logs to standard error; `verbose` or FLAKESHIP_LOG=debug: all of it."""
    verbose = verbose or _debug_wanted()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(DEBUG if verbose else PLAIN))
    logger = logging.getLogger("flakeship")
    logger.handlers = [handler]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)


def configure_debug() -> None:
    """Inside a Pulumi program, which has a log of its own: only with FLAKESHIP_LOG=debug."""
    if _debug_wanted():
        configure()


def failure(error: Exception) -> None:
    """Log the code of a failure, which tells it apart from others."""
    logging.getLogger(__name__).debug("code: %s", getattr(error, "code", type(error).__name__))


def _debug_wanted() -> bool:
    return os.environ.get("FLAKESHIP_LOG", "").lower() == "debug"


def clean(text: str) -> str:
    """The text without what only controls a terminal: a log must not repaint a reader's screen."""
    return CONTROLS.sub("", ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def last_lines(text: str, count: int) -> list[str]:
    """The last lines that are not blank."""
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
