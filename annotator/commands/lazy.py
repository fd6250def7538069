"""Commands that are imported when they are called, so that asking for help or the version is quick."""

import ast
import importlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


class Deferred(TyperCommand):
    """Stands for a command in listings and completions; when called, the command itself takes over.

    ``place`` is the command's function, as ``module:function``.
    """

    def __init__(self, name: str, place: str) -> None:
        super().__init__(name, help=description(place))
        self.place = place

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """What the command itself makes of its arguments."""
        module, _, function = self.place.partition(":")
        app = typer.Typer(add_completion=False)
        app.command(self.name)(getattr(importlib.import_module(module), function))
        return get_command(app).make_context(*arguments, **more)


class DeferredGroup(TyperGroup):
    """A group of deferred commands, in the order of ``places``: name -> ``module:function``."""

    places: ClassVar[dict[str, str]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, place in self.places.items():
            self.add_command(Deferred(name, place))


def description(place: str) -> str:
    """The docstring of a function, read off the source: nothing is imported.

    >>> description("annotator.commands.lazy:description").split(",")[0]
    'The docstring of a function'
    """
    module, _, function = place.partition(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"no module named {module!r}", name=module)
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    found = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function)
    return ast.get_docstring(found) or ""
