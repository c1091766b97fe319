"""Values that settings and requests share; requests do without the models of the settings."""

from __future__ import annotations

from typing import Literal

Access = Literal["floating", "bastion", "direct"]
"""How the checks reach a server that has no public address yet."""

Visibility = Literal["private", "shared", "community", "public"]
"""Glance's word for who may use an image."""

Placement = Literal["", "anti-affinity", "soft-anti-affinity"]
"""Nova's policy for the hypervisors of the servers of a release."""
