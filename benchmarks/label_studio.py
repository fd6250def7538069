"""What talking to Label Studio costs beside the bare requests: sending 10,000 tasks, collecting 200 codes.

    python benchmarks/label_studio.py [--tasks 10000] [--codes 200]

Starts a Label Studio of its own in a temporary folder (a minute) and stops it. Sending is compared with one
raw bulk import of the same texts into another project; collecting with the one filtered list request that
returns the same annotations. Both run on the same server, one after the other, and now the one and now the
other comes first. Prints ratios of means: every third request or so takes the server twice as long (it clears
its memory), and a median of few would leave to luck whom that meets.
"""

import argparse
import contextlib
import json
import os
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from annotator import services
from annotator.codebook import Code, Codebook
from annotator.coding.form import Form
from annotator.coding.label_studio import _CODE_FIELDS, LabelStudio
from annotator.coding.label_studio_client import Client, TokenAuth
from annotator.coding.labeling_config import CONTROL, TEXT
from annotator.coding.protocol import Task

TURNS = 9
"""How often tasks are sent, and codes given."""
LOOKS = 4
"""How often the codes of a turn are collected: that changes nothing, so it can be timed again."""

BOOK = Codebook(
    question="Which problem?", labels=[Code(name="jobs"), Code(name="health"), Code(name="other")]
)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what came of it."""
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


@contextlib.contextmanager
def running() -> Iterator[services.Services]:
    """A Label Studio in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ANNOTATOR_SERVICES"] = folder
        try:
            yield services.up(Path(folder), prefect=False, progress=lambda message: None)
        finally:
            services.down(Path(folder))


def new_service(found: services.Services) -> LabelStudio:
    """The service of a study that nobody has sent anything to."""
    token = found.credentials().token
    service = LabelStudio(found.label_studio_url, token, "benchmark", Form(BOOK), study_id=uuid.uuid4().hex)
    assert service.project_id
    return service


def annotate(client: Client, task_id: int) -> None:
    """One code, as the labelling page would send it."""
    chosen = {"from_name": CONTROL, "to_name": TEXT, "type": "choices", "value": {"choices": ["health"]}}
    client.post(f"/api/tasks/{task_id}/annotations/", {"result": [chosen], "lead_time": 4.2})


def pair(raw: Callable[[], Any], ours: Callable[[], Any], *, ours_first: bool) -> tuple[float, float]:
    """Seconds of the one and of the other."""
    if ours_first:
        seconds = timed(ours)[0]
        return timed(raw)[0], seconds
    return timed(raw)[0], timed(ours)[0]


def sending(
    found: services.Services, client: Client, texts: list[str], *, ours_first: bool
) -> tuple[float, float]:
    """Seconds of a raw import and of ours, each into a new project."""
    bare, service = new_service(found), new_service(found)
    body = [{"data": {"text": text, "unit_id": f"u{i}"}} for i, text in enumerate(texts)]
    tasks = [Task(f"u{i}", text) for i, text in enumerate(texts)]
    return pair(
        lambda: client.post(f"/api/projects/{bare.project_id}/import", body),
        lambda: service.send(1, tasks),
        ours_first=ours_first,
    )


def overlapping(found: services.Services, texts: list[str]) -> tuple[float, float]:
    """Seconds of sending with every task coded once, and with 15 % of them coded by two people."""
    pairs = []
    for doubled in (0, round(0.15 * len(texts))):
        service = new_service(found)
        tasks = [Task(f"u{i}", text, 2 if i < doubled else 1) for i, text in enumerate(texts)]
        pairs.append(timed(lambda: service.send(1, tasks))[0])  # noqa: B023
    return pairs[0], pairs[1]


def collecting(
    found: services.Services, client: Client, texts: list[str], n_codes: int
) -> list[tuple[float, float]]:
    """Seconds of the one request that returns the new codes, and of ours.

    The tasks are of two rounds, one of them closed: a look at the open one asks for what came late as well.
    """
    service, half = new_service(found), len(texts) // 2
    assert TURNS * n_codes <= len(texts) - half, "every turn codes tasks of its own"
    tasks = [Task(f"u{i}", text) for i, text in enumerate(texts)]
    closed, opened = service.send(1, tasks[:half]), service.send(2, tasks[half:])
    sent = pd.concat([closed, opened])
    pairs = []
    for turn in range(TURNS):
        since = pd.Timestamp.now(tz="UTC")
        time.sleep(1.0)
        ids = opened["task_id"][turn * n_codes : (turn + 1) * n_codes]
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda task_id: annotate(client, int(task_id)), ids))
        raw, ours = partial(changed, client, service.project_id, since), partial(service.collect, sent, since)
        assert len(raw()["tasks"]) == len(ours()) == n_codes
        pairs += [pair(raw, ours, ours_first=look % 2 == turn % 2) for look in range(LOOKS)]
    return pairs


def changed(client: Client, project: int, since: pd.Timestamp) -> Any:
    """The page of tasks to which something was done since then, with their annotations."""
    newer = {
        "filter": "filter:tasks:updated_at",
        "operator": "greater",
        "type": "Datetime",
        "value": since.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    query = json.dumps({"filters": {"conjunction": "and", "items": [newer]}})
    where: dict[str, Any] = {"project": project, "page_size": 1000, "include": _CODE_FIELDS}
    return client.get("/api/tasks/", query=query, fields="all", **where)


def show(what: str, pairs: list[tuple[float, float]]) -> None:
    """One line: means and their ratio."""
    raw, ours = (statistics.mean(times) for times in zip(*pairs, strict=True))
    print(f"{what:<48} raw {raw:6.2f} s   ours {ours:6.2f} s   ratio {ours / raw:.2f}")


def main() -> None:
    """Start, time, print, stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--codes", type=int, default=200)
    args = parser.parse_args()
    texts = [f"Answer number {i}: rents and hospitals are too expensive for us." for i in range(args.tasks)]
    with running() as found:
        client = Client(found.label_studio_url, TokenAuth(found.credentials().token))
        sending(found, client, texts[:100], ours_first=True)  # the first requests after a start are slow
        pairs = [sending(found, client, texts, ours_first=turn % 2 == 1) for turn in range(TURNS)]
        show(f"sending {args.tasks:,} tasks", pairs)
        show("sending 1,000 tasks, 15 % of them doubled", [overlapping(found, texts[:1000])])
        show(
            f"collecting {args.codes:,} new codes of {args.tasks:,} tasks",
            collecting(found, client, texts, args.codes),
        )


if __name__ == "__main__":
    main()
