"""What a service answers, read as JSON: anything else did not come from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openstack.exceptions import SDKException

from flakeship.model.text import one_line

if TYPE_CHECKING:
    import requests

KIND = 60  # characters of a Content-Type in a message


class UnreadableError(SDKException):
    """An answer that is not the service's: a proxy's page, a part of one, or without what it has.

    `call` is for a person; `passing`: the next answer may be whole. It is an exception of the
    SDK's, so that whoever handles the others handles it too.
    """

    def __init__(self, call: str, details: str, *, passing: bool = False) -> None:
        super().__init__(f"{call}: {details}")
        self.call = call
        self.details = details
        self.passing = passing


class Answer(dict[str, Any]):
    """A JSON object of an answer; a key that it lacks raises UnreadableError."""

    def __init__(self, content: dict[str, Any], call: str) -> None:
        super().__init__(content)
        self.call = call

    def __missing__(self, key: str) -> Any:  # noqa: ANN401
        raise UnreadableError(self.call, f"the answer has no {key}")

    def entries(self, key: str) -> list[Answer]:
        """The list of objects below a key. Raises UnreadableError where there is none."""
        found = self[key]
        if isinstance(found, list) and all(isinstance(each, Answer) for each in found):
            return found
        raise UnreadableError(self.call, f"{key} is no list of objects")


def read(response: requests.Response, call: str) -> Answer:
    """Return the JSON object of an answer, empty where it has no body. Raises UnreadableError."""
    if not response.content:
        return Answer({}, call)
    try:
        content = response.json(object_hook=lambda found: Answer(found, call))
    except ValueError:
        content = None
    if isinstance(content, Answer):
        return content
    kind = one_line(response.headers.get("Content-Type") or "no Content-Type", KIND)
    details = f"{response.status_code} with {kind}, and no JSON object"
    raise UnreadableError(call, details, passing="json" in kind)
