"""The blocks of a server's arguments: the models of the settings, in types that a schema can have.

Their keys are those of the settings; a language adds `Args` to the names. There is no `from
__future__ import annotations` here and in the components: Pulumi's SDK reads the types themselves.
"""

from typing import NotRequired, TypedDict


class Port(TypedDict):
    """A port that may listen."""

    port: NotRequired[int]
    """The number, or the first one of a range."""
    last: NotRequired[int]
    """The last number of a range. The firewall has to open all of it; who listens is not asked."""
    process: NotRequired[str]
    """Instead of a number: the name of a process that may listen on any port."""
    protocol: NotRequired[str]
    """The protocol that has to answer: `tcp`, `http`, `https`, `ssh` or `udp`; `tcp` without it."""
    timeout: NotRequired[float]
    """The seconds that it may take to answer after the system has started; 10 without it."""
    needsData: NotRequired[bool]
    """Whether it answers only with the data disks, which are attached at the cutover."""
    hostPort: NotRequired[int]
    """The port of the workstation that forwards to it; TCP only."""


class DataDisk(TypedDict):
    """A disk that outlives releases."""

    size: str
    """Its size, such as `512M` or `2G`. It can grow, and never shrinks."""
    owner: NotRequired[str]
    """Who owns the empty directory that a new disk is: a user of the host, or `user:group`."""
    mode: NotRequired[str]
    """The mode of that directory, octal, such as `0750`."""
    keepSnapshots: NotRequired[int]
    """How many later releases a snapshot survives that was taken before a release got the disk."""


class Check(TypedDict):
    """A check beside the built-in ones: exactly one of `run`, `http`, `https` and `tcp`."""

    name: str
    """Its name in the evidence."""
    run: NotRequired[str]
    """A command on the server, which passes with exit code 0."""
    http: NotRequired[int]
    """A declared port, which passes when `path` answers with `status` and with `contains`."""
    https: NotRequired[int]
    """The same over TLS, with the `certificate` that it asks for."""
    tcp: NotRequired[int]
    """A declared port, which passes when it answers `send` with `contains`."""
    path: NotRequired[str]
    """The path of `http` and `https`."""
    host: NotRequired[str]
    """The site that `http` and `https` ask for; without it: the address."""
    headers: NotRequired[dict[str, str]]
    """Further headers of the request of `http` and `https`. They are not secret."""
    certificate: NotRequired[str]
    """What the certificate of `https` must be: `trusted`, `any`, `sha256:` with its fingerprint, or
    the PEM text of the authority that has signed it for `host`."""
    status: NotRequired[int]
    """The HTTP status that `http` and `https` expect; 200 without it."""
    send: NotRequired[str]
    """What `tcp` sends."""
    contains: NotRequired[str]
    """What the answer of `http`, `https` or `tcp` must contain."""
    timeout: NotRequired[float]
    """The seconds in which it must pass; 10 without it."""
    needsData: NotRequired[bool]
    """Whether it passes only with the data disks, which are attached at the cutover."""
