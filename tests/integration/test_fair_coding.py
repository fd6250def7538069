"""A coder who codes more than the study asks for is seen by whoever schedules it."""

import uuid
from pathlib import Path

import pytest
import small_study
from prefect.client.orchestration import get_client

from annotator.advance import advance
from annotator.coding.accounts import ensure_account
from annotator.coding.labeling_config import chosen
from annotator.services import Services
from annotator.status import status
from annotator.workspace import Workspace, tasks
from flows.collect import collect as collect_flow

pytestmark = pytest.mark.integration


def test_the_tick_and_its_page_warn_of_a_day_that_was_too_full(
    tmp_path: Path, label_studio: Services, prefect: None
) -> None:
    limits = {"kind": "label_studio", "overlap": 0.0, "daily_limit": 2, "break_after": 30}
    path = small_study.write(tmp_path, coding=limits, design={"rounds": 1, "budget": 12}, name="fair-coding")
    while not (outcome := advance(Workspace.open(path))).is_last:
        pass
    assert outcome.message == "0 of 12 units coded"
    url, email = label_studio.label_studio_url, f"{uuid.uuid4().hex}@example.com"
    coder = ensure_account(url, label_studio.credentials().token, email, "coder-password-1")
    for task_id in Workspace.open(path).store.read_frame(tasks(1))["task_id"][:3]:
        body = {"result": [chosen(["left"])], "lead_time": 20.0}
        coder.client.post(f"/api/tasks/{task_id}/annotations/", body)
    message = collect_flow(study=path)
    assert message.startswith(f"3 of 12 units coded; {email} coded 3 texts in the day from")
    assert message.endswith("(daily_limit: 2)")
    assert advance(Workspace.open(path)).message == message
    found = status(Workspace.open(path))
    assert found.warnings == (message.partition("; ")[2],)
    row = found.workload.iloc[0]
    assert (row["today"], row["most_a_day"], row["days_over"], row["stints_over"]) == (3, 3, 1, 0)
    assert row["longest_stint"] < 5
    with get_client(sync_client=True) as client:
        shown = {artifact.key: artifact.data for artifact in client.read_artifacts()}
    assert found.warnings[0] in str(shown["fair-coding-coders-warning"])
    assert email in str(shown["fair-coding-workload"])
