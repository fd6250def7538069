"""All tasks of a foreign project, read and never changed."""

import json
from collections.abc import Sequence
from typing import Any

from annotator.adoption.section import AdoptedCodes
from annotator.coding.coder_names import coder_names
from annotator.coding.label_studio_client import Client, NotFoundError
from annotator.errors import StudyError

FIRST_PAGE, LARGEST_PAGE = 50, 1000  # tasks
PAGE_LENGTH = 16_000_000  # characters, about
_FIELDS = "id,data,annotations,completed_by,result,was_cancelled,updated_at,lead_time,parent_prediction"


def read_project(client: Client, section: AdoptedCodes) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """The tasks with their annotations, and the e-mail address of each account. Raises ServiceError.

    Tasks can carry an image each, so pages are as large as the heaviest task of the one before allows, and
    images are not kept: no unit is found by them.
    """
    try:
        client.get(f"/api/projects/{section.project}/", include="id")
    except NotFoundError as error:
        raise StudyError(
            f"adopted project {section.project}: there is no such project on {client.url}",
            hint="The number stands in the address of the project's page: /projects/12/data.",
        ) from error
    tasks: list[dict[str, Any]] = []
    size = FIRST_PAGE
    while True:
        page = client.get(
            "/api/tasks/",
            project=section.project,
            page=1,
            page_size=size,
            include=_FIELDS,
            fields="all",
            resolve_uri="false",
            query=json.dumps({"filters": {"conjunction": "and", "items": [_after(tasks)]}}),
        )
        tasks += [_without_images(task) for task in page["tasks"]]
        if len(page["tasks"]) >= page["total"]:
            break
        size = _next_size(size, page["tasks"])
    accounts = client.get("/api/users/") if any(task["annotations"] for task in tasks) else []
    return tasks, coder_names(accounts)


def _after(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Tasks after the last one seen, in order of id, so that a deletion meanwhile hides none."""
    last = tasks[-1]["id"] if tasks else 0
    return {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}


def _next_size(size: int, tasks: Sequence[dict[str, Any]]) -> int:
    """How many tasks to ask for next: at most twice as many, as heavier ones may follow.

    >>> _next_size(50, [{"data": {"text": "short"}}]), _next_size(800, [{"data": {"text": "short"}}])
    (100, 1000)
    >>> _next_size(50, [{"data": {"text": "short", "image": "x" * 400_000}}])
    39
    """
    heaviest = max(sum(len(str(value)) for value in task["data"].values()) for task in tasks)
    return max(1, min(2 * size, LARGEST_PAGE, PAGE_LENGTH // max(heaviest, 1)))


def _without_images(task: dict[str, Any]) -> dict[str, Any]:
    """The task with nothing in the place of what is embedded in it.

    >>> _without_images({"id": 7, "data": {"text": "data: none", "image": "data:image/png;base64,iVBO"}})
    {'id': 7, 'data': {'text': 'data: none', 'image': None}}
    """
    return {**task, "data": {key: None if _is_embedded(of) else of for key, of in task["data"].items()}}


def _is_embedded(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("data:") and ";base64," in value[:200]
