"""Tasks as Label Studio's interface and its JSON export give them, whoever made the project."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from annotator.adoption.item import Answer, Item
from annotator.adoption.section import AdoptedCodes
from annotator.errors import StudyError

Task = Mapping[str, Any]
_KINDS = ("choices", "rating", "number", "taxonomy")
_NEVER = "1970-01-01T00:00:00Z"


def items_of(
    tasks: Sequence[Task], section: AdoptedCodes, coders: Mapping[int, str], text_column: str | None
) -> list[Item]:
    """Each task with what was answered in the one control that is asked for.

    ``coders`` maps account ids to e-mail addresses, ``text_column`` is what the corpus calls its text. Raises
    StudyError if the project has several controls and none is named, or the named one or the field with ids
    is nowhere in it.
    """
    control = _control(tasks, section)
    fields = {str(key) for task in tasks for key in _data(task)}
    for key in (section.id, section.text):
        if tasks and key is not None and key not in fields:
            raise StudyError(
                f"adopted {section.source}: no task has a field '{key}'",
                hint=f"Its tasks have: {', '.join(sorted(fields)) or 'no fields'}.",
            )
    text = section.text or text_column
    return [_item(task, section, text, control, coders) for task in tasks]


def _item(
    task: Task, section: AdoptedCodes, text: str | None, control: str | None, coders: Mapping[int, str]
) -> Item:
    data = _data(task)
    found = data.get(text) if text is not None else None
    texts = [found] if isinstance(found, str) else [each for each in data.values() if isinstance(each, str)]
    return Item(
        place=f"task {task.get('id', '?')}",
        unit=None if section.id is None else as_id(data.get(section.id)),
        texts=tuple(texts),
        is_text=isinstance(found, str),
        answers=tuple(_answer(each, control, coders) for each in _annotations(task)),
    )


def as_id(value: Any) -> str:
    """An id as the corpus writes it: whole numbers without a decimal point, the empty text for none.

    >>> as_id(12.0), as_id(" u7 "), as_id(None)
    ('12', 'u7', '')
    """
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _answer(annotation: Mapping[str, Any], control: str | None, coders: Mapping[int, str]) -> Answer:
    is_skipped = bool(annotation.get("was_cancelled"))
    moment = annotation.get("updated_at") or annotation.get("created_at") or _NEVER
    return Answer(
        coder=_coder(annotation.get("completed_by"), coders),
        words=() if is_skipped else tuple(_words(annotation, control)),
        annotation_id=int(annotation.get("id") or 0),
        updated_at=pd.to_datetime(moment, utc=True),
        lead_time=annotation.get("lead_time"),
        skipped=is_skipped,
        suggested=annotation.get("parent_prediction") is not None,
    )


def _coder(account: Any, coders: Mapping[int, str]) -> str:
    if isinstance(account, dict):
        email = str(account.get("email") or "")
        return email if "@" in email else _coder(account.get("id"), coders)
    return coders.get(account, f"account {account}") if account is not None else "unknown"


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
    for part in annotation.get("result") or []:
        value = part.get("value") if isinstance(part, dict) else None
        if isinstance(value, dict) and "start" not in value and any(kind in value for kind in _KINDS):
            yield part


def _annotations(task: Task) -> list[Mapping[str, Any]]:
    return [each for each in task.get("annotations") or [] if isinstance(each, dict)]


def _data(task: Task) -> Mapping[str, Any]:
    data = task.get("data")
    return data if isinstance(data, dict) else {}
