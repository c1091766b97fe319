"""The docstrings of fields: the texts below them in the source."""

from __future__ import annotations

import ast
import inspect
import textwrap

from pydantic import BaseModel


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The docstring of every field of a model that has one, by the field's key.

    They are read from the source, as pydantic's `use_attribute_docstrings` would do it whenever the
    model is imported.
    """
    found: dict[str, str] = {}
    for cls in model.__mro__:
        in_source = issubclass(cls, BaseModel) and cls is not BaseModel and "[" not in cls.__name__
        if not in_source or cls.__module__.startswith("pydantic"):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                match text:
                    case ast.Expr(value=ast.Constant(value=str(words))):
                        found.setdefault(field.target.id, " ".join(words.split()))
    return {
        field.alias or name: found[name]
        for name, field in model.model_fields.items()
        if name in found
    }
