"""What Label Studio should think of a task: how many may still code it, and whether it is finished."""

from collections.abc import Mapping
from typing import Any


def correction(row: Mapping[str, Any], wanted: int) -> dict[str, Any] | None:
    """What has to be changed so that ``wanted`` different people code this task, None where nothing has.

    ``row`` is a task with its annotations. It goes wrong in three ways, and the task would wait for ever:

    * Somebody coded while the task's overlap was being raised, and Label Studio took it for finished.
    * One person submitted twice. Label Studio counts answers, not people, where it looks for a place that is
      still free, so the task gets as many more places until enough people have coded it.
    * Label Studio was killed between an answer and its own note of it.

    >>> first = {"completed_by": 1, "was_cancelled": False}
    >>> correction({"annotations": [first], "overlap": 2, "is_labeled": True}, 2)
    {'overlap': 2, 'is_labeled': False}
    >>> correction({"annotations": [first, first], "overlap": 2, "is_labeled": False}, 2)
    {'overlap': 3, 'is_labeled': False}
    >>> correction({"annotations": [first], "overlap": 1, "is_labeled": True}, 1) is None
    True
    """
    coders = [each["completed_by"] for each in row["annotations"] if not each.get("was_cancelled")]
    n_coders = len(set(coders))
    is_finished = n_coders >= wanted
    overlap = wanted if is_finished else wanted + len(coders) - n_coders
    right = {"overlap": overlap, "is_labeled": is_finished}
    return None if all(row[field] == value for field, value in right.items()) else right
