"""All tasks of a foreign project, read and never changed."""

import json
from typing import Any

from annotator.adoption.section import AdoptedCodes
from annotator.coding.coder_names import coder_names
from annotator.coding.label_studio_client import Client, NotFoundError
from annotator.errors import StudyError

_PAGE = 1000
_FIELDS = "id,data,annotations,completed_by,result,was_cancelled,updated_at,lead_time,parent_prediction"


def read_project(client: Client, section: AdoptedCodes) -> tuple[list[dict[str, Any]], dict[int, str]]:
    """The tasks with their annotations, and the e-mail address of each account. Raises ServiceError."""
    try:
        client.get(f"/api/projects/{section.project}/", include="id")
    except NotFoundError as error:
        raise StudyError(
            f"adopted project {section.project}: there is no such project on {client.url}",
            hint="The number stands in the address of the project's page: /projects/12/data.",
        ) from error
    tasks: list[dict[str, Any]] = []
    while True:
        page = client.get(
            "/api/tasks/",
            project=section.project,
            page=1,
            page_size=_PAGE,
            include=_FIELDS,
            fields="all",
            resolve_uri="false",
            query=json.dumps({"filters": {"conjunction": "and", "items": [_after(tasks)]}}),
        )
        tasks += page["tasks"]
        if len(page["tasks"]) >= page["total"]:
            break
    accounts = client.get("/api/users/") if any(task["annotations"] for task in tasks) else []
    return tasks, coder_names(accounts)


def _after(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    """Tasks after the last one seen, in order of id, so that a deletion meanwhile hides none."""
    last = tasks[-1]["id"] if tasks else 0
    return {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}
