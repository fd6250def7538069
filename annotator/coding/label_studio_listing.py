"""Lists of a project's tasks, page by page, of those that fit some filters."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from annotator.coding.label_studio_client import Client

Filter = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """The tasks of one project.

    Attributes
    ----------
    client : Client
    project_id : int
    page_size : int
        How many tasks are fetched at once.
    """

    client: Client
    project_id: int
    page_size: int

    def tasks(
        self, filters: list[Filter], include: str, after: int = 0, fields: str = "task_only"
    ) -> Iterator[dict[str, Any]]:
        """Tasks in order of id. Each page starts after the last id seen, so deletions cannot hide a task.

        Label Studio counts before it lists, so that an empty page can come with a total above zero.
        """
        while True:
            newer = _filter("id", "greater", after, "Number")
            page = self._page([newer, *filters], include, self.page_size, fields)
            yield from page["tasks"]
            if not page["tasks"] or len(page["tasks"]) >= page["total"]:
                return
            after = page["tasks"][-1]["id"]

    def count(self, filters: list[Filter]) -> int:
        """How many there are."""
        return int(self._page(filters, "id", size=1, fields="task_only")["total"])

    def _page(self, filters: list[Filter], include: str, size: int, fields: str) -> dict[str, Any]:
        page: dict[str, Any] = self.client.get(
            "/api/tasks/",
            project=self.project_id,
            page=1,
            page_size=size,
            include=include,
            resolve_uri="false",
            query=json.dumps({"filters": {"conjunction": "and", "items": filters}}),
            fields=fields,
        )
        return page


def of_round(round_number: int) -> list[Filter]:
    """The round's tasks, but those that were stripped of their unit by hand."""
    return [
        _filter("data.round", "equal", str(round_number), "String"),
        _filter("data.unit_id", "empty", "false", "String"),
    ]


def changed_since(when: pd.Timestamp) -> list[Filter]:
    """Tasks that something was done to after this moment."""
    moment = when.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [_filter("updated_at", "greater", moment, "Datetime")]


def _filter(field: str, operator: str, value: Any, kind: str) -> Filter:
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}
