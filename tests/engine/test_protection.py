"""`flakeship:protect` with the real engine: what is stable stays until that is lifted."""

from __future__ import annotations

from tests.engine.conftest import FakeStack


def protected(stack: FakeStack) -> set[str]:
    resources = stack.state().get("resources", [])
    return {each["urn"].split("::", 2)[-1] for each in resources if each.get("protect")}


def test_what_is_stable_is_protected(stack: FakeStack) -> None:
    stack.config("protect", "true")
    stack.up()
    cutover = "flakeship:fake:Cutover::web"
    assert protected(stack) == {cutover}
    first = stack.running()
    stack.write("two")
    named = f"Command image-{first}, Image {first}, Cutover web"
    assert f"protected against removal: {named}" in stack.preview()
    stack.up()
    assert {each.rpartition(":")[2] for each in protected(stack)} == {
        "web",
        first,
        f"image-{first}",
    }

    before = stack.resources()
    # in its preview: without one Pulumi removes what nothing protected depends on
    refused = stack.pulumi("destroy", "--yes", check=False)
    assert refused.code != 0
    assert "protected" in refused.stdout + refused.stderr
    assert stack.resources() == before
    told = stack.flakeship("sweep", "--before-destroy")
    assert told.code == 1
    assert "Cutover web" in told.stderr
    assert "pulumi state unprotect 'urn:" in told.stderr

    stack.config("protect", "false")
    stack.up()
    assert protected(stack) == set()
    assert stack.flakeship("sweep", "--before-destroy").code == 0
    stack.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.state().get("resources", []) == []
