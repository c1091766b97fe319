"""Brings the files of a verified release back: its own bytes, from wherever they are.

A NixOS image that is built again has other bytes, so a build is the last thing that is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flakeship.model.errors import FlakeshipError
from flakeship.nix import build, image_store, store
from flakeship.nix.build import BuildRequest
from flakeship.nix.store import NIX
from flakeship.system.process import run
from flakeship.system.redaction import redacted


@dataclass(frozen=True)
class Origin:
    """A place that may have the files: both raise FlakeshipError, `ask` where it has them not."""

    name: str
    ask: Callable[[], object]
    get: Callable[[], object]


def find(request: BuildRequest, images: str, *, may_build: bool = True) -> str:
    """The name of the first origin that has the files; nothing is fetched or built.

    `images` is the URL of the image store, empty for none. Raises FlakeshipError
    (store-path-missing) with all that was asked.
    """
    return _first(request, images, lambda _: None, may_build=may_build)


def restore(request: BuildRequest, images: str, *, may_build: bool = True) -> str:
    """Fetch the files from the first origin that has them, or build them, and keep them.

    Nothing stays of what has other bytes than `request.verified`. Raises as `find`.
    """
    return _first(request, images, partial(_get, request), may_build=may_build)


def _first(
    request: BuildRequest, images: str, act: Callable[[Origin], object], *, may_build: bool
) -> str:
    tried: list[str] = []
    for origin in _origins(request, images, may_build=may_build):
        try:
            origin.ask()
            act(origin)
        except FlakeshipError as error:
            tried.append(f"  {origin.name}: {image_store.reason(error)}")
        else:
            return origin.name
    (path, *_) = [each for each in request.files if not Path(each).exists()] or [request.output]
    raise FlakeshipError(
        f"{path} is not in the Nix store of this workstation, and the target has no image of it",
        code="store-path-missing",
        key=request.release,
        remedy=store.bring_back(request.output),
        details=["It was looked for in:", *tried] if tried else (),
    )


def _origins(request: BuildRequest, images: str, *, may_build: bool) -> Iterator[Origin]:
    """The image store, Nix's own binary caches, and the derivation of what this stack has built."""
    out, copy = request.output, image_store.copy
    if images:
        ask = partial(image_store.ask, images, out)
        yield Origin(redacted(images), ask, partial(copy, out, origin=images))
    for url in store.substituters():
        ask = partial(image_store.ask, url, out)
        yield Origin(redacted(url), ask, partial(copy, out, origin=url, signed=True))
    if may_build and Path(request.derivation).exists():
        again = f"another build of {request.derivation}"
        yield Origin(again, lambda: None, partial(build.realise, request))


def _get(request: BuildRequest, origin: Origin) -> None:
    try:
        origin.get()
        build.keep_verified(request)
    except FlakeshipError:
        store.drop(request.gc_root)
        # it was not here before, so nobody uses it; and another origin may have the right one
        run([*NIX, "store", "delete", request.output], check=False)
        raise
