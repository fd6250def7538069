"""YAML read together with the line each value stands on, so that an error can name the place.

``yes``, ``no``, ``on`` and ``off`` stay words: they are common code names. A key given twice is refused,
where plain YAML readers keep the last one without a word.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from annotator.errors import StudyError

Location = tuple[str | int, ...]


class _WordsStayWords(yaml.SafeLoader):
    """A SafeLoader for which only true and false are booleans and dates stay text."""


_WordsStayWords.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if not tag.endswith((":bool", ":timestamp"))]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_WordsStayWords.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), ["t", "f"])


@dataclass(frozen=True)
class YamlSource:
    """The parsed data and the line (from 1) of every key and list item."""

    name: str
    data: Any
    lines: dict[Location, int]

    def line_of(self, location: Location) -> int:
        """The line of the value at ``location``, or of the nearest thing around it."""
        while location not in self.lines and location:
            location = location[:-1]
        return self.lines.get(location, 1)


def parse(text: str, name: str) -> YamlSource:
    """Parse one YAML document. Raises StudyError naming file and line."""
    loader = _WordsStayWords(text)
    lines: dict[Location, int] = {}
    try:
        node = loader.get_single_node()
        data = _build(loader, node, (), lines, name) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise StudyError(
            f"{name}, line {mark.line + 1 if mark else 1}: this is not valid YAML: {error.problem}",
            hint="Check indentation, colons and quotes around that line.",
        ) from error
    except yaml.YAMLError as error:
        raise StudyError(f"{name}: this is not valid YAML: {error}") from error
    finally:
        loader.dispose()
    return YamlSource(name=name, data=data, lines=lines)


def _build(
    loader: yaml.SafeLoader, node: yaml.Node, at: Location, lines: dict[Location, int], name: str
) -> Any:
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(loader.construct_object(key_node))
            if key in built:
                raise StudyError(
                    f"{name}, line {key_node.start_mark.line + 1}: the key '{key}' is given twice",
                    hint="Keep one of the two.",
                )
            lines[(*at, key)] = key_node.start_mark.line + 1
            built[key] = _build(loader, value_node, (*at, key), lines, name)
        return built
    if isinstance(node, yaml.SequenceNode):
        return [_build(loader, item, (*at, i), lines, name) for i, item in enumerate(node.value)]
    return loader.construct_object(node)
