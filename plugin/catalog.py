"""All components of the package: their schema, and what one is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pulumi
from pulumi.output import Unknown
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.runtime.rpc import is_rpc_secret

from flakeship import __version__
from flakeship.model.errors import FlakeshipError, SettingError, did_you_mean
from flakeship.state.resources import PACKAGE
from plugin.component import Component
from plugin.glance_image import GlanceImage
from plugin.local_server import LocalServer
from plugin.nix_image import NixImage

COMPONENTS: tuple[type[pulumi.ComponentResource], ...] = (NixImage, LocalServer, GlanceImage)


class Components(ComponentProvider):
    """The schema, which Pulumi's SDK reads from the annotations and docstrings of the classes."""

    def __init__(self) -> None:
        super().__init__([*COMPONENTS], PACKAGE, version=__version__)
        self._one = asyncio.Lock()

    async def prepare(self, token: str, name: str, args: dict[str, Any], stack: str) -> Prepared:
        """The component of a type, ready to be declared. Raises FlakeshipError."""
        kind = token.rpartition(":")[2]
        if kind not in self._components:
            raise FlakeshipError(
                "there is no such component",
                code="component-unknown",
                given=token,
                allowed=", ".join(self._components),
            )
        known = self._component_defs[kind].inputs
        # null is as good as nothing, as it is to Pulumi's SDK
        args = {key: value for key, value in args.items() if value is not None}
        for key in [*args, *(key for key, it in known.items() if not it.optional)]:
            if key not in known:
                raise SettingError(
                    "there is no such argument",
                    code="setting-unknown",
                    key=key,
                    allowed=", ".join(known),
                    remedy=did_you_mean(key, known),
                )
            if key not in args:
                raise SettingError("is missing", code="setting-missing", key=key)
            if any(map(is_rpc_secret, _parts(args[key]))):
                raise SettingError(
                    "must not be a secret: it is stored unencrypted in the stack's state",
                    code="setting-secret",
                    key=key,
                    remedy="let the server fetch its own secrets",
                )
            if known[key].plain and any(isinstance(it, Unknown) for it in _parts(args[key])):
                raise SettingError(
                    "must be known before anything is made: what will be depends on it",
                    code="argument-unknown",
                    key=key,
                    remedy="give it a value that no resource brings",
                )
        component = cast("Component", self._components[kind])
        # one after the other: they may have one flake, whose evaluation cache Nix locks, and the
        # first one makes the login key
        async with self._one:
            found = await component.prepare(name, args, stack)
        return Prepared(self, kind, component, found)

    def outputs(self, kind: str, made: pulumi.ComponentResource) -> Mapping[str, Any]:
        """The outputs of a component, by their names in the schema."""
        return self.get_state(made, self._component_defs[kind])


class Prepared(Provider):
    """Declares one component, within the settings that Pulumi's SDK makes for the call."""

    def __init__(
        self, components: Components, kind: str, component: Component, found: object
    ) -> None:
        super().__init__(__version__)
        self._components = components
        self._kind = kind
        self._component = component
        self._found = found

    def construct(
        self,
        name: str,
        resource_type: str,  # noqa: ARG002 - `kind` is of this type
        inputs: pulumi.Inputs,
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        """Its URN and its outputs."""
        made = self._component(name, inputs, options, self._found)
        return ConstructResult(made.urn, self._components.outputs(self._kind, made))


def _parts(value: object) -> Iterator[object]:
    """A value, and all that is in it."""
    yield value
    inner = list(value.values()) if isinstance(value, dict) else value
    for each in inner if isinstance(inner, list) else ():
        yield from _parts(each)
