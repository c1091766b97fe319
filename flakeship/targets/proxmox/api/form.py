"""A form with a file, as pveproxy reads one: fields first, in its order, and the file last."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

from flakeship.targets.upload import Upload

END = "\r\n"


class Form:
    """The body of a request: `fields`, and a file below `filename`.

    pveproxy reads the fields in the order content, checksum-algorithm, checksum, and refuses others
    by closing the connection (PVE::APIServer::AnyEvent, file_upload_multipart).
    """

    def __init__(self, fields: Mapping[str, str], filename: str, file: Upload) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        parts = [
            f'--{boundary}{END}Content-Disposition: form-data; name="{name}"{END}{END}{value}{END}'
            for name, value in fields.items()
        ]
        head = (
            f'--{boundary}{END}Content-Disposition: form-data; name="filename"; '
            f'filename="{filename}"{END}Content-Type: application/octet-stream{END}{END}'
        )
        self._head = "".join([*parts, head]).encode()
        self._tail = f"{END}--{boundary}--{END}".encode()
        self._file = file

    def __len__(self) -> int:
        return len(self._head) + len(self._file) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._file
        yield self._tail
