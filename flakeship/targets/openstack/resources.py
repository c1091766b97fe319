"""The kinds of resources that the target declares, by prefix; behind each its subject."""

from __future__ import annotations

from flakeship.state.resources import Kind

GLANCE_IMAGE = Kind("glance")  # the publication of a release's image; a release
PORT = Kind("port")  # a machine
SERVER = Kind("server")  # a machine
FLAVOR = Kind("flavor")  # one that the stack has created; its name
SERVER_GROUP = Kind("placement")  # a release; no server has this prefix
ADDRESS = Kind("address")  # a floating IP; a server
CUTOVER = Kind("cutover")  # the association of the address with the active machine; a server
