"""The kinds of resources that the target openstack declares, by the prefix of their names."""

from __future__ import annotations

from flakeship.state.resources import Kind

GLANCE_IMAGE = Kind("glance")
"""The publication of a release's image; the subject is the release's name."""

PORT = Kind("port")
"""The port of a server; the subject is the machine's id."""

SERVER = Kind("server")
"""A server of Nova's; the subject is the machine's id."""

FLAVOR = Kind("flavor")
"""A flavor that the stack has created; the subject is its name."""

SERVER_GROUP = Kind("placement")
"""The server group of a release; the subject is the release's name. No server has the prefix."""

ADDRESS = Kind("address")
"""The floating IP of a server; the subject is the server's name."""

CUTOVER = Kind("cutover")
"""The association of the address with the active machine; the subject is the server's name."""
