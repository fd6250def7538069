"""Tasks as Label Studio's interface and its JSON export give them, whoever made the project."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from annotator.adoption import fields
from annotator.adoption.fields import as_id
from annotator.adoption.item import Answer, Item
from annotator.adoption.section import AdoptedCodes
from annotator.errors import StudyError

Task = Mapping[str, Any]
_KINDS = ("choices", "rating", "number", "taxonomy")


def items_of(
    tasks: Sequence[Task], section: AdoptedCodes, coders: Mapping[int, str], text_column: str | None
) -> list[Item]:
    """Each task with what was answered in the one control that is asked for.

    ``coders`` maps account ids to e-mail addresses, ``text_column`` is what the corpus calls its text. Raises
    StudyError if the project has several controls and none is named, or the named one or the field with ids
    is nowhere in it, and for an answer whose coder, number or moment cannot be read.
    """
    control = _control(tasks, section)
    there = {str(key) for task in tasks for key in _data(task)}
    for key in (section.id, section.text):
        if tasks and key is not None and key not in there:
            raise StudyError(
                f"adopted {section.source}: no task has a field '{key}'",
                hint=f"Its tasks have: {', '.join(sorted(there)) or 'no fields'}.",
            )
    text = section.text or text_column
    return [_item(task, section, text, control, coders) for task in tasks]


def _item(
    task: Task, section: AdoptedCodes, text: str | None, control: str | None, coders: Mapping[int, str]
) -> Item:
    data = _data(task)
    found = data.get(text) if text is not None else None
    texts = [found] if isinstance(found, str) else [each for each in data.values() if isinstance(each, str)]
    place = f"task {task.get('id', '?')}"
    return Item(
        place=place,
        unit=None if section.id is None else as_id(data.get(section.id)),
        texts=tuple(texts),
        is_text=isinstance(found, str),
        answers=tuple(_answer(each, section, place, control, coders) for each in _annotations(task)),
    )


def _answer(
    annotation: Mapping[str, Any],
    section: AdoptedCodes,
    place: str,
    control: str | None,
    coders: Mapping[int, str],
) -> Answer:
    is_skipped = bool(annotation.get("was_cancelled"))
    try:
        return Answer(
            coder=fields.coder(annotation.get("completed_by"), coders, section.nameless),
            words=() if is_skipped else tuple(_words(annotation, control)),
            annotation_id=fields.number(annotation.get("id")),
            updated_at=fields.moment(annotation.get("updated_at") or annotation.get("created_at")),
            lead_time=fields.seconds(annotation.get("lead_time")),
            skipped=is_skipped,
            suggested=annotation.get("parent_prediction") is not None,
        )
    except ValueError as error:
        raise StudyError(
            f"adopted {section.source}, {place}, annotation {annotation.get('id', '?')}: {error}",
            hint="Export the project anew, or put this value right in the file.",
        ) from error


def _words(annotation: Mapping[str, Any], control: str | None) -> Iterator[str]:
    for part in _parts(annotation):
        if control in (None, part.get("from_name")):
            for kind in _KINDS:
                given = part["value"].get(kind)
                for word in given if isinstance(given, list) else [] if given is None else [given]:
                    # A path through a taxonomy is called by its end.
                    yield as_id(word[-1] if isinstance(word, list) and word else word)


def _control(tasks: Iterable[Task], section: AdoptedCodes) -> str | None:
    """The control that holds the codes; None in a project that nobody has coded."""
    there = sorted(
        {
            str(part.get("from_name"))
            for task in tasks
            for annotation in _annotations(task)
            for part in _parts(annotation)
        }
    )
    if section.field is not None and there and section.field not in there:
        raise StudyError(
            f"adopted {section.source}: nothing was answered in a control '{section.field}'",
            hint=f"There are answers in: {', '.join(there)}.",
        )
    if section.field is None and len(there) > 1:
        raise StudyError(
            f"adopted {section.source}: answers stand in several controls: {', '.join(there)}",
            hint="Name the one with the codes as `field`.",
        )
    return section.field or next(iter(there), None)


def _parts(annotation: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What was answered about the whole text; choices for a stretch of it are about that stretch."""
    for part in _list(annotation.get("result")):
        value = part.get("value") if isinstance(part, dict) else None
        if isinstance(value, dict) and "start" not in value and any(kind in value for kind in _KINDS):
            yield part


def _annotations(task: Task) -> list[Mapping[str, Any]]:
    return [each for each in _list(task.get("annotations")) if isinstance(each, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _data(task: Task) -> Mapping[str, Any]:
    data = task.get("data")
    return data if isinstance(data, dict) else {}
