"""The prompt templates: a user's own or built in, rendered in a sandbox, with errors that name the line.

A template of the same name in a user's folder takes the place of the built-in one.
"""

import traceback
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import FunctionLoader, StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from annotator.errors import StudyError

BUILT_IN: Traversable = files("annotator.labeling").joinpath("templates")
PARAPHRASES = BUILT_IN.joinpath("paraphrases")

_HINT = "`annotator prompts` shows the rendered prompt, and --copy the built-in templates."
_MISTAKES = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)


class Templates:
    """Templates by name, from the first of several folders that has one.

    Args:
        folders: where to look, before the built-in templates.
        values: what all templates know.

    >>> Templates(values={"is_multilabel": False}).render("confidence.j2", label="economy")[:42]
    'How likely is it that "economy" is the rig'
    """

    def __init__(
        self, folders: Sequence[Traversable] = (), values: Mapping[str, object] | None = None
    ) -> None:
        self._folders = [*folders, BUILT_IN]
        self._environment = ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._load), undefined=StrictUndefined, autoescape=False, trim_blocks=True
        )
        self._environment.globals.update(values or {})
        self._compiled: dict[str, Template] = {}

    def render(self, name: str, **values: object) -> str:
        """The template's text without blank space around it. Raises StudyError naming file and line."""
        try:
            return self._template(name).render(values).strip()
        except TemplateSyntaxError as error:
            place = f"{error.filename or self.place(name)}, line {error.lineno}"
            raise StudyError(f"{place}: {error.message}", hint=_HINT) from error
        except _MISTAKES as error:
            raise StudyError(f"{self._line_of(error, name)}: {_words(error)}", hint=_HINT) from error

    def _template(self, name: str) -> Template:
        """The template, found and compiled once."""
        if name not in self._compiled:
            template = self._environment.get_template(name)
            template.globals = dict(template.globals)  # a plain mapping is read much faster than a chain
            self._compiled[name] = template
        return self._compiled[name]

    def place(self, name: str) -> str:
        """The file a template comes from."""
        found = self._find(name)
        return name if found is None else str(found)

    def sources(self, names: Iterable[str]) -> dict[str, str]:
        """The text of these templates and of all they include, by name. Raises StudyError."""
        found: dict[str, str] = {}
        todo = list(names)
        while todo:
            name = todo.pop()
            if name in found:
                continue
            template = self._find(name)
            if template is None:
                raise StudyError(f"there is no template '{name}'", hint=_HINT)
            found[name] = template.read_text(encoding="utf-8")
            try:
                included = meta.find_referenced_templates(self._environment.parse(found[name]))
            except TemplateSyntaxError as error:
                raise StudyError(f"{template}, line {error.lineno}: {error.message}", hint=_HINT) from error
            # A name that is computed could be any: all templates count.
            for each in included:
                todo.extend([each] if each is not None else self._all())
        return found

    def refuse_idle(self, used: Iterable[str]) -> None:
        """Raise StudyError for a template of a user's folder that nothing uses: its name is misspelt."""
        known = {*used, *_names(BUILT_IN)}
        for folder in self._folders[:-1]:
            idle = sorted(set(_names(folder)) - known)
            if idle:
                raise StudyError(
                    f"{folder.joinpath(idle[0])}: no prompt uses a template of this name",
                    hint=f"Templates are called {', '.join(sorted(_names(BUILT_IN)))}.",
                )

    def _all(self) -> list[str]:
        return [name for folder in self._folders for name in _names(folder)]

    def _find(self, name: str) -> Traversable | None:
        if "/" in name or "\\" in name:
            return None
        places = (folder.joinpath(name) for folder in self._folders)
        return next((place for place in places if place.is_file()), None)

    def _load(self, name: str) -> tuple[str, str, None] | None:
        found = self._find(name)
        return None if found is None else (found.read_text(encoding="utf-8"), str(found), None)

    def _line_of(self, error: BaseException, name: str) -> str:
        """Where rendering stopped: Jinja gives its frames the template's file and line."""
        places = {str(folder) for folder in self._folders}
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if any(frame.filename.startswith(place) for place in places)]
        if not inside:
            return self.place(name)
        return f"{inside[-1].filename}, line {inside[-1].lineno}"


def _names(folder: Traversable) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.name.endswith(".j2")]


def _words(error: BaseException) -> str:
    return str(getattr(error, "message", None) or error)
