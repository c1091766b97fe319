"""Logins that a process hands to the next one, so that one token serves a whole run.

What is handed on has tokens: it goes from memory to memory, by a pipe or a fork, and never to a
disk, a log, an argument or the environment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keystoneauth1.identity import BaseIdentityPlugin
    from keystoneauth1.plugin import BaseAuthPlugin


class Sessions:
    """The logins of a process, by their credentials: others do not get the token of these."""

    def __init__(self, state: str = "") -> None:
        self._states: dict[str, str] = json.loads(state) if state else {}

    def session_state(self) -> str:
        """All logins as text; empty: none."""
        return json.dumps(self._states) if self._states else ""

    def resume(self, auth: BaseIdentityPlugin) -> None:
        """Give a plugin the login that there is with its credentials, catalogue included.

        The plugin logs in by itself where there is none, or where the token is about to expire.
        """
        if state := self._states.get(auth.get_cache_id() or ""):
            auth.set_auth_state(state)

    def keep(self, auth: BaseIdentityPlugin) -> None:
        """Take over the login of a plugin, which may have a new token; forget one that is gone.

        Plugins that cannot tell their credentials apart (get_cache_id) are left out.
        """
        credentials = auth.get_cache_id()
        if not credentials:
            return
        if state := auth.get_auth_state():
            self._states[credentials] = state
        else:
            self._states.pop(credentials, None)


_SHARED: ContextVar[Sessions | None] = ContextVar("sessions", default=None)


@contextmanager
def handed_on(state: str = "") -> Iterator[Callable[[], str]]:
    """Let the logins in this block (and this thread) go on from a `session_state`.

    What is yielded tells that of the block, for the next process.
    """
    sessions = Sessions(state)
    before = _SHARED.set(sessions)
    try:
        yield sessions.session_state
    finally:
        _SHARED.reset(before)


@contextmanager
def resumed(auth: BaseAuthPlugin | None) -> Iterator[None]:
    """A login of the block of `handed_on`, if this is inside of one."""
    from keystoneauth1.identity import BaseIdentityPlugin

    sessions = _SHARED.get()
    if sessions is None or not isinstance(auth, BaseIdentityPlugin):
        yield
        return
    sessions.resume(auth)
    try:
        yield
    finally:
        sessions.keep(auth)
