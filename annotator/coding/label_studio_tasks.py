"""What a task of Label Studio carries, and what Label Studio should think of it."""

from collections.abc import Collection, Mapping
from typing import Any

from annotator import label_sets
from annotator.coding.adjudication_page import GIVEN
from annotator.coding.form import Form
from annotator.coding.labeling_config import chosen
from annotator.coding.protocol import Task


def has_unit(row: Mapping[str, Any]) -> bool:
    """Whether a task says which unit it is of; who edits one by hand can put anything there."""
    return isinstance(row["data"].get("unit_id"), str)


def correction(row: Mapping[str, Any], wanted: int, answers: Collection[int]) -> dict[str, Any] | None:
    """What has to be changed so that ``wanted`` different people code this task, None where nothing has.

    ``row`` is a task with its annotations, ``answers`` are the numbers of those that say something. It goes
    wrong in four ways, and the task would wait for ever:

    * Somebody coded while the task's overlap was being raised, and Label Studio took it for finished.
    * One person submitted twice. Label Studio counts answers, not people, where it looks for a place that is
      still free, so the task gets as many more places until enough people have coded it.
    * Label Studio was killed between an answer and its own note of it.
    * What somebody answered is no code, so that another person has to be asked.

    >>> first, again = ({"id": number, "completed_by": 1, "was_cancelled": False} for number in (7, 8))
    >>> correction({"annotations": [first], "overlap": 2, "is_labeled": True}, 2, {7})
    {'overlap': 2, 'is_labeled': False}
    >>> correction({"annotations": [first, again], "overlap": 2, "is_labeled": False}, 2, {8})
    {'overlap': 3, 'is_labeled': False}
    >>> correction({"annotations": [first], "overlap": 1, "is_labeled": True}, 1, {7}) is None
    True
    >>> correction({"annotations": [first], "overlap": 1, "is_labeled": True}, 1, answers=())
    {'overlap': 2, 'is_labeled': False}
    """
    submitted = [each for each in row["annotations"] if not each.get("was_cancelled")]
    n_coders = len({each["completed_by"] for each in submitted if each["id"] in answers})
    is_finished = n_coders >= wanted
    overlap = wanted if is_finished else wanted + len(submitted) - n_coders
    right = {"overlap": overlap, "is_labeled": is_finished}
    return None if all(row[field] == value for field, value in right.items()) else right


def given(task: Task) -> dict[str, str]:
    """What an adjudicator is told of a unit's coders, as a field of the task's data."""
    return {} if task.given is None else {GIVEN: task.given}


def prediction(task: Task, form: Form) -> dict[str, Any]:
    """The machine's label, which comes pre-selected, as the part of an import that holds it."""
    if task.suggestion is None:
        return {}
    is_set = form.codebook.is_multilabel
    choices = task.suggestion.split(label_sets.SEPARATOR) if is_set else [task.suggestion]
    result = [chosen(choices, form.material.main)]
    return {"predictions": [{"model_version": "machine", "result": result}]}
