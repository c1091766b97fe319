"""An input that a property of Pulumi's cannot carry is one clear error, before anything happens."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Tiny

PROGRAM = """\
from components import lifecycle
from components.resource import Resource


async def main():
    Resource("flakeship:fake:Machine", "web", {{"sizes": [{value}]}})
    return {{}}


lifecycle.run(main)
"""


@pytest.mark.parametrize("value", ["2**53", "float('nan')", "chr(0xd800)"])
def test_it_is_refused_with_its_place(project: Tiny, value: str) -> None:
    (project.path / "__main__.py").unlink()
    (project.path / "__main__.py").write_text(PROGRAM.format(value=value))
    failed = project.pulumi("preview", check=False)
    assert failed.code != 0
    assert "web.sizes[0]: the " in failed.stdout
