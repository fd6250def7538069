"""People code in Label Studio: one project a study, one task a unit.

A task carries the text, the unit's id and the round, and nothing else: no covariate, and no machine label
unless the study shows it, as a prediction that comes pre-selected. How many coders a unit needs is the
task's ``overlap``, which the labelling page does not show.
"""

import logging
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd

from annotator.coding.adjudication_page import GIVEN
from annotator.coding.annotations import codes_of
from annotator.coding.coder_names import coder_names
from annotator.coding.form import Form
from annotator.coding.label_studio_client import Client, NotFoundError, TokenAuth
from annotator.coding.label_studio_listing import Listing, changed_since, of_round
from annotator.coding.label_studio_project import find_or_create
from annotator.coding.label_studio_tasks import correction, given, has_unit, prediction
from annotator.coding.label_studio_webhook import register
from annotator.coding.latest import latest_answers
from annotator.coding.protocol import Task, codes_frame, tasks_frame
from annotator.errors import ServiceError
from annotator.progress import Progress, silent
from annotator.webhook.address import Webhook

logger = logging.getLogger(__name__)

_TASK_FIELDS = "id,data,overlap,total_annotations"
# Named fields only: with every field the same list takes twenty times as long.
_CODE_FIELDS = (
    "id,data,overlap,is_labeled,"
    "annotations,completed_by,result,was_cancelled,updated_at,lead_time,parent_prediction"
)


class LabelStudio:
    """The coding service of one study on the Label Studio at ``url``.

    ``token`` is a personal access token or a legacy one; ``study_id`` finds the study's project again.
    New codes are reported to ``webhook``, the course of long calls to ``progress``. ``patience`` is for how
    many seconds in total a call waits for a service that is away.
    """

    def __init__(
        self,
        url: str,
        token: str,
        study_name: str,
        form: Form,
        *,
        study_id: str,
        webhook: Webhook | None = None,
        progress: Progress = silent,
        patience: float = 20.0,
    ) -> None:
        self._client = Client(url, TokenAuth(token), patience=patience)
        self._study_name = study_name
        self._study_id = study_id
        self._form = form
        self._webhook = webhook
        self._progress = progress
        self._found: dict[str, Any] | None = None
        self._finding = threading.Lock()

    @property
    def project_id(self) -> int:
        """The study's project, made on first use. Raises ServiceError."""
        return int(self._project["id"])

    @property
    def address(self) -> str:
        """The page where the study is coded. Raises ServiceError."""
        return f"{self._client.url}/projects/{self.project_id}/data?labeling=1"

    def describe(self) -> str:
        """The service in a few words."""
        return f"Label Studio at {self._client.url}"

    def check(self) -> str:
        """Whether the service answers and the token is good. Raises ServiceError."""
        account = self._client.get("/api/current-user/whoami")
        return f"{self.describe()}, as {account['email']}"

    def send(self, round_number: int, tasks: Sequence[Task]) -> pd.DataFrame:
        """Make sure that each unit has one task, in the order given. Raises ServiceError.

        Label Studio knows no idempotency key, so what is there is looked up first, what is missing is
        imported in one call (images in several), and the count is checked afterwards. Surplus tasks (two
        imports at the same moment) are removed unless somebody has coded them.
        """
        rows = list(self._tasks_of(round_number))
        n_there, known = len(rows), {row["data"]["unit_id"] for row in rows}
        missing = [task for task in tasks if task.unit_id not in known]
        if missing:
            self._refuse_other_page()
            self._progress(0, len(missing), "tasks sent")
            for lot in self._form.material.lots(missing):
                rows += self._import(round_number, lot)
                self._progress(len(rows) - n_there, len(missing), "tasks sent")
            if self._count(round_number) != len(rows):
                rows = list(self._tasks_of(round_number))
        kept = self._one_each(rows)
        if lost := [task.unit_id for task in tasks if task.unit_id not in kept]:
            raise ServiceError(
                f"Label Studio took the import but has no task for {len(lost)} units, such as {lost[0]!r}",
                hint="Send again; if it happens again, look at the log of Label Studio.",
            )
        self._set_overlap({kept[task.unit_id]["id"]: int(task.overlap) for task in tasks}, kept)
        self._renew_given(tasks, kept)
        self._register_webhook()
        return tasks_frame(
            {
                "unit_id": task.unit_id,
                "task_id": kept[task.unit_id]["id"],
                "overlap": task.overlap,
                "position": position,
            }
            for position, task in enumerate(tasks)
        )

    def missing(self, round_number: int, tasks: pd.DataFrame) -> list[str]:
        """The units of ``tasks`` whose task is gone (deleted by hand); ``send`` makes them anew.

        One request for the tasks' numbers as long as none is.
        """
        ids = {row["id"] for row in self._listing.tasks(of_round(round_number), "id")}
        if ids.issuperset(tasks["task_id"]):
            return []
        there = {row["data"]["unit_id"] for row in self._tasks_of(round_number)}
        return [unit for unit in tasks["unit_id"] if unit not in there]

    def close(self, tasks: pd.DataFrame) -> None:
        """Offer these tasks to nobody any more. Raises ServiceError.

        They count as finished; a page that shows one already can still submit.
        """
        for task_id in tasks["task_id"]:
            self._change(int(task_id), {"is_labeled": True})

    def collect(self, tasks: pd.DataFrame, since: pd.Timestamp | None = None) -> pd.DataFrame:
        """All answers to these units. Raises ServiceError.

        Units are found by their id in the task's data, so a task that was made anew counts and a task
        that was deleted or stripped of its unit id gives no row. Costs one request a thousand tasks that have
        been changed since then, or that are there from the first task of the round on, and one a task that
        would not be offered to the coders it still needs (`correction`).
        """
        if tasks.empty:
            return codes_frame([])
        wanted = set(tasks["unit_id"])
        changed = [] if since is None else changed_since(since)
        first = int(tasks["task_id"].min())
        rows = [
            {**row, "data": {"unit_id": row["data"]["unit_id"]}}  # an image is large
            for row in self._listing.tasks(changed, _CODE_FIELDS, after=first - 1, fields="all")
            if has_unit(row) and row["data"]["unit_id"] in wanted
        ]
        pairs = [(row["data"]["unit_id"], annotation) for row in rows for annotation in row["annotations"]]
        coders = self._coders() if pairs else {}
        codes = codes_frame(codes_of(pairs, coders, self._form.codebook))
        waiting = tasks[tasks["overlap"] > 0]
        overlap = dict(zip(waiting["task_id"], waiting["overlap"], strict=True))
        latest = latest_answers(codes)
        said = latest[latest["label"].notna() | latest["cannot_code"].notna()]
        self._correct(rows, overlap, set(said["annotation_id"]))
        return codes

    @property
    def _project(self) -> dict[str, Any]:
        with self._finding:
            if self._found is None:
                self._found = find_or_create(self._client, self._study_name, self._study_id, self._form)
            return self._found

    @property
    def _listing(self) -> Listing:
        return Listing(self._client, self.project_id, self._form.material.n_at_once)

    def _coders(self) -> dict[int, str]:
        return coder_names(self._client.get("/api/users/"))

    def _register_webhook(self) -> None:
        """The study does without where Label Studio refuses: then the schedule alone looks for codes."""
        if self._webhook is None:
            return
        try:
            register(self._client, self.project_id, self._webhook)
        except ServiceError as error:
            logger.warning("Label Studio will not report new codes to %s: %s", self._webhook.url, error)

    def _refuse_other_page(self) -> None:
        """A page with nothing but a text shows what there is, whoever made it."""
        if len(self._form.material.names) > 1 or self._form.material.images:
            page = self._client.get(f"/api/projects/{self.project_id}/")["label_config"]
            self._form.material.refuse_other_page(page)

    def _import(self, round_number: int, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        """Import in one call; the new tasks as a listing would show them, but for texts and images."""
        data = [
            {
                **self._form.material.fields(task),
                "unit_id": task.unit_id,
                "round": str(round_number),
                **given(task),
            }
            for task in tasks
        ]
        answer = self._client.post(
            f"/api/projects/{self.project_id}/import",
            [
                {"data": fields, **prediction(task, self._form)}
                for fields, task in zip(data, tasks, strict=True)
            ],
            return_task_ids="true",
        )
        overlap = self._project["maximum_annotations"]
        return [
            {
                "id": task_id,
                "data": {"unit_id": task.unit_id, **given(task)},
                "overlap": overlap,
                "total_annotations": 0,
            }
            for task_id, task in zip(answer["task_ids"], tasks, strict=True)
        ]

    def _one_each(self, rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """One task a unit: the oldest with a code, else the oldest. Uncoded others are deleted."""
        of_unit: dict[str, list[dict[str, Any]]] = {}
        for row in sorted(rows, key=lambda row: row["id"]):
            of_unit.setdefault(row["data"]["unit_id"], []).append(row)
        return {unit: same[0] if len(same) == 1 else self._keep_one(same) for unit, same in of_unit.items()}

    def _keep_one(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        coded = [self._is_coded(row["id"]) for row in rows]
        kept = coded.index(True) if any(coded) else 0
        for position, row in enumerate(rows):
            if position != kept and not coded[position]:
                self._client.delete(f"/api/tasks/{row['id']}/")
        return rows[kept]

    def _is_coded(self, task_id: int) -> bool:
        """By its annotations: a kill right after one leaves the task's counters at zero."""
        try:
            return bool(self._client.get(f"/api/tasks/{task_id}/")["annotations"])
        except NotFoundError:
            return False

    def _correct(self, rows: list[dict[str, Any]], overlap: dict[int, int], answers: set[int]) -> None:
        for row in rows:
            if row["id"] in overlap and (change := correction(row, int(overlap[row["id"]]), answers)):
                self._change(row["id"], change)

    def _change(self, task_id: int, change: dict[str, Any]) -> None:
        try:
            self._client.patch(f"/api/tasks/{task_id}/", change)
        except NotFoundError:
            return  # removed as a surplus by another process, or by hand: `missing` tells

    def _set_overlap(self, wanted: dict[int, int], kept: dict[str, dict[str, Any]]) -> None:
        """An import gives every task the project's overlap; the few that differ are changed one by one."""

        def change(row: dict[str, Any]) -> None:
            overlap = wanted[row["id"]]
            # Label Studio does not look again whether the task is finished, so that is said too.
            self._change(row["id"], {"overlap": overlap, "is_labeled": row["total_annotations"] >= overlap})

        differing = [row for row in kept.values() if row["overlap"] != wanted.get(row["id"], row["overlap"])]
        with ThreadPoolExecutor(max_workers=4) as threads:
            for done, _ in enumerate(threads.map(change, differing), start=1):
                self._progress(done, len(differing), "texts marked for several coders")

    def _renew_given(self, tasks: Sequence[Task], kept: dict[str, dict[str, Any]]) -> None:
        """An adjudicator who has not answered yet sees what coders say now."""
        for task in tasks:
            row = kept[task.unit_id]
            is_old = task.given is not None and task.given != row["data"].get(GIVEN)
            if is_old and not self._is_coded(row["id"]):
                self._change(row["id"], {"data": {**row["data"], **given(task)}})

    def _tasks_of(self, round_number: int) -> Iterator[dict[str, Any]]:
        return filter(has_unit, self._listing.tasks(of_round(round_number), _TASK_FIELDS))

    def _count(self, round_number: int) -> int:
        return self._listing.count(of_round(round_number))
