"""A login attempt, as OpenSSH's verbose log tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

# What happens with keys, in the words of OpenSSH 8 to 10. All other lines are of no account here.
EVENT = re.compile(
    r"^(?:debug1: )?(?:"
    r"(?P<tried>Offering public key: |Trying private key: )|"
    r"(?P<taken>Server accepts key: )|"
    r"(?P<refused>Authentications that can continue: |Received disconnect .*Too many auth)|"
    r"(?P<unsigned>sign_and_send_pubkey: |Load key |Confirm user presence |.*agent refused )"
    r")",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Login:
    """A login attempt: the exit code of ssh and its verbose log; what is not there is empty."""

    code: int
    log: str

    @property
    def offered(self) -> list[str]:
        """The methods that the server offers to a client that has not authenticated yet."""
        methods = self._find(r"Authentications that can continue: (\S+)").split(",")
        return [method for method in methods if method]

    @property
    def method(self) -> str:
        """How the login succeeded."""
        return self._find(r'^Authenticated to .* using "([^"]+)"')

    @property
    def host_key(self) -> str:
        """The fingerprint of the server's host key."""
        return self._find(r"Server host key: (\S+ SHA256:\S+)")

    @property
    def host_key_refused(self) -> bool:
        """Whether ssh refused the server's host key, or found none of the pinned types."""
        return bool(self._find("(Host key verification failed|no matching host key type)"))

    @property
    def denied(self) -> str:
        """The last word of the attempt, that it has failed; see `unsigned` for who said it."""
        return self._find(r"(Permission denied \([^)]*\)|Too many authentication failures)")

    @property
    def unsigned(self) -> str:
        """Why the server has not refused, though the attempt was denied: empty where it has.

        A server refuses a key that it is offered, or the signature of one that it takes. Where it
        takes a key and the client does not sign, or offers none, ssh gives up by itself, with the
        very words of a refusal (deploy-rs #225).
        """
        taken, refused, why = self._keys
        if taken:
            return f"the server takes the key {taken}, and " + (why or "nothing signed for it")
        return "" if refused else (why or "no key was offered")

    @property
    def taken(self) -> str:
        """The key that the server takes and that nothing has signed for: its name and kind."""
        return self._keys[0]

    @property
    def key(self) -> str:
        """The fingerprint of the last key that the server took."""
        return (self._fingerprints("Server accepts key") or [""])[-1]

    @property
    def tried(self) -> list[str]:
        """The fingerprints of the keys that were offered."""
        return self._fingerprints("Offering public key")

    @cached_property
    def _keys(self) -> tuple[str, bool, str]:
        """The key that waits for a signature, whether another was refused, and why it waits."""
        tried = refused = False
        taken = why = ""
        for event in EVENT.finditer(self.log):
            line = self.log[event.start() :].partition("\n")[0].strip()
            if event["refused"]:
                refused |= tried
                tried, taken = False, ""
            elif event["tried"]:
                if taken:
                    break
                tried = True
            elif event["taken"]:
                taken = line.partition("accepts key: ")[2] or "?"
            else:
                why = line
        return taken, refused, why

    @property
    def error(self) -> str:
        """The last line that is no debugging output."""
        lines = [line.strip() for line in self.log.splitlines()]
        messages = [line for line in lines if line and not line.startswith(("debug", "OpenSSH_"))]
        return messages[-1] if messages else f"ssh ended with exit code {self.code}"

    def _fingerprints(self, event: str) -> list[str]:
        return re.findall(rf"^debug1: {event}: .*(SHA256:[A-Za-z0-9+/]+)", self.log, re.MULTILINE)

    def _find(self, pattern: str) -> str:
        found = re.search(pattern, self.log, re.MULTILINE)
        return found[1] if found else ""
