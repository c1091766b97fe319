"""The page as HTML: one file that loads nothing, runs nothing, and takes all values as text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from importlib import resources

import jinja2
from markupsafe import Markup

from flakeship.model.release import Record
from flakeship.model.text import clean, cut
from flakeship.operate.held import Held
from flakeship.operate.releases import short
from flakeship.operate.report.compose import mebibytes
from flakeship.operate.report.page import Page

LIMITS = {
    "LABEL": 34,  # characters of a bar's label: what a narrow screen has room for
    "MOST_LINES": 40,  # of a part that changed
}
PLACES: Mapping[str, str] = {
    "live": "Servers run it.",
    "standby": "A verified machine is ready for a rollback; no server runs it.",
    "newest": "The release of its host, which has no server that stays.",
    "kept": "In the ledger, with its image.",
}
"""What Held.place may be, for the legend."""


def html(page: Page) -> str:
    """The page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(packaged),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=harmless,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update({each.__name__: each for each in USED}, **LIMITS)
    style = environment.get_template("page.css").render()
    return environment.get_template("page.html.jinja").render(
        page=page, places=PLACES, style_hash=digest(style)
    )


def packaged(name: str) -> str:
    """A file beside this one."""
    return resources.files(__package__).joinpath(name).read_text()


def harmless(value: object) -> object:
    """A value as the page shows it: nothing in a text gives another order to what follows it."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def digest(style: str) -> str:
    """What the page's policy names its one style sheet by: no other is applied."""
    found = hashlib.sha256(style.encode()).digest()
    return f"sha256-{base64.b64encode(found).decode()}"


def anchor(record: Record) -> str:
    """The id of a release's row, of the characters that a release's name may have."""
    return f"release-{record.name}"


def stamp(at: datetime) -> str:
    """A time to the minute."""
    return at.strftime("%Y-%m-%d %H:%M")


def change(before: Record, after: Record) -> str:
    """The id of what changed between two releases."""
    return f"change-{before.name}-{after.name}"


def checks(found: Held) -> str:
    """How many checks passed."""
    number = len(found.record.checks)
    return f"{number} check{'' if number == 1 else 's'} passed" if number else ""


USED = (anchor, change, checks, cut, mebibytes, short, stamp)
"""The functions that the templates call."""
