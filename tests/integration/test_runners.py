"""Labelling and predicting on threads, Dask and Ray: the same tables as in one process, kills or not."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import classified_study
import distributed
import pandas as pd
import psutil
import pyarrow as pa
import pytest
import small_study
import tiny_encoder
import yaml
from chat_endpoint import Answer, ChatEndpoint, completion

from annotator.advance import advance
from annotator.classifiers import predict as in_process
from annotator.classifiers import prediction_job
from annotator.classifiers.train import train
from annotator.errors import ServiceUnavailableError
from annotator.state import next_step
from annotator.workspace import Workspace, shard
from flows.label import label, label_task
from flows.predict import predict

pytestmark = pytest.mark.integration

N_UNITS = 2600  # six shards: three bundles a worker would be too few, one too many
LOCAL = [{"kind": kind, "workers": 2} for kind in ("threads", "dask", "ray")]


def answers(messages: list[dict[str, str]], _: int) -> Answer:
    """A label and a confidence that depend on the text alone."""
    text = messages[1]["content"]
    which = sum(map(ord, text)) % len(small_study.CODES)
    return completion(str(50 + sum(map(ord, text)) % 50) if len(messages) > 2 else small_study.CODES[which])


def listeners_below_this_process() -> list[Any]:
    """The sockets on which the processes that this one started listen."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "uvicorn" not in " ".join(process.cmdline()):  # the Prefect server of the tests
                found += process.net_connections("tcp")
    return [connection for connection in found if connection.status == psutil.CONN_LISTEN]


def study_file(folder: Path, base_url: str, **changes: Any) -> Path:
    machine = [
        {
            "name": "remote",
            "kind": "openai",
            "model": "m",
            "base_url": base_url,
            "concurrency": 8,
            "price_in": 1.0,
        },
        {"name": "old", "kind": "replay", "label": "machine", "confidence": "confidence"},
    ]
    path = small_study.write(folder, small_study.corpus(N_UNITS), machine=machine, **changes)
    advance(Workspace.open(path))
    return path


def machine_tables(path: Path) -> dict[str, pa.Table]:
    """The machine's tables, without how long and how often it was asked."""
    workspace = Workspace.open(path)
    parts = [shard(m.name, i) for m in workspace.study.machine for i in range(workspace.n_shards)]
    return {part: workspace.store.read(part).drop_columns(["seconds", "attempts"]) for part in parts}


@pytest.fixture(scope="module")
def sequential(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """The tables as `annotator advance` writes them, in one process without Prefect."""
    with ChatEndpoint(answers) as endpoint:
        path = study_file(tmp_path_factory.mktemp("sequential"), endpoint.base_url)
        advance(Workspace.open(path))
    return machine_tables(path)


@pytest.mark.parametrize("runner", LOCAL, ids=lambda runner: str(runner["kind"]))
def test_every_runner_writes_the_same_tables(
    tmp_path: Path, prefect: None, sequential: dict[str, pa.Table], runner: dict[str, Any]
) -> None:
    listening: set[str] = set()

    def answers_and_looks(messages: list[dict[str, str]], times: int) -> Answer:
        if len(endpoint.requests) == N_UNITS:
            listening.update(connection.laddr.ip for connection in listeners_below_this_process())
        return answers(messages, times)

    with ChatEndpoint(answers_and_looks) as endpoint:
        path = study_file(tmp_path, endpoint.base_url, runner=runner)
        assert label(path) == "12 shards labelled"
        n_asked = len(endpoint.requests)
    assert n_asked == 2 * N_UNITS
    assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert bool(listening) == (runner["kind"] != "threads")
    assert machine_tables(path) == sequential
    assert next_step(Workspace.open(path)).stage != "label"


def workers_that_ask(endpoint: ChatEndpoint) -> list[psutil.Process]:
    """The processes below this one that have a connection to the endpoint."""
    port = endpoint.server_address[1]
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            connections = process.net_connections("tcp")
        except psutil.Error:
            continue
        if any(connection.raddr and connection.raddr.port == port for connection in connections):
            found.append(process)
    return found


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_a_killed_worker_costs_nothing_but_time(
    tmp_path: Path, prefect: None, sequential: dict[str, pa.Table], kind: str
) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        deadline = time.monotonic() + 300
        while not killed and time.monotonic() < deadline:
            time.sleep(0.05)
            if len(endpoint.requests) > 1500 and (found := workers_that_ask(endpoint)):
                os.kill(found[0].pid, signal.SIGKILL)
                killed.append(found[0].pid)

    with ChatEndpoint(answers) as endpoint:
        path = study_file(tmp_path, endpoint.base_url, runner={"kind": kind, "workers": 2})
        killer = threading.Thread(target=kill_one)
        killer.start()
        state = label(path, return_state=True)
        killer.join()
        if not state.is_completed():
            label(path)
        n_asked = len(endpoint.requests)
    assert killed
    assert next_step(Workspace.open(path)).stage != "label"
    # A worker has four units in hand for each of its eight connections; those it had are asked again.
    assert 2 * N_UNITS <= n_asked <= 2 * N_UNITS + 32
    tables = machine_tables(path)
    assert tables == sequential


def test_a_running_cluster_is_used_and_left_running(
    tmp_path: Path, prefect: None, sequential: dict[str, pa.Table]
) -> None:
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, host="127.0.0.1", dashboard_address=None
    )
    with cluster, ChatEndpoint(answers) as endpoint:
        runner = {"kind": "dask", "workers": 2, "address": cluster.scheduler_address}
        path = study_file(tmp_path, endpoint.base_url, runner=runner)
        label(path)
        assert cluster.status == distributed.Status.running
    assert machine_tables(path) == sequential


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A study with a trained encoder, 400 texts to predict, and what one process predicts of them."""
    folder = tmp_path_factory.mktemp("trained")
    texts = classified_study.corpus()
    tiny_encoder.build(folder / "base", texts["text"].tolist())
    model = {"kind": "encoder", "base": "base", "settings": {"epochs": 2, "learning_rate": 5e-3}}
    workspace = classified_study.run(folder, texts, model=model)
    train(workspace)
    texts.to_parquet(folder / "new.parquet")
    in_process.predict(workspace, folder / MODEL, folder / "new.parquet", folder / "serial")
    return workspace


MODEL = "out/models/round-002/encoder"


@pytest.mark.parametrize("runner", LOCAL, ids=lambda runner: str(runner["kind"]))
def test_every_runner_predicts_the_same(
    trained: Workspace, prefect: None, monkeypatch: pytest.MonkeyPatch, runner: dict[str, Any]
) -> None:
    folder, path, kind = trained.study.folder, trained.study.path, runner["kind"]
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"runner": runner}))
    monkeypatch.setattr(prediction_job, "PART", 60)
    told = predict(path, MODEL, "new.parquet", kind)
    assert told == "400 texts predicted in 7 parts, 7 of them now"
    pd.testing.assert_frame_equal(
        pd.read_parquet(folder / kind), pd.read_parquet(folder / "serial"), rtol=0, atol=1e-6
    )
    (folder / kind / "part-00003.parquet").unlink()
    if kind == "threads":  # the others would start another cluster
        assert predict(path, MODEL, "new.parquet", kind).endswith("in 7 parts, 1 of them now")


def test_an_endpoint_that_is_away_stops_the_run_and_is_told(
    tmp_path: Path, prefect: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ChatEndpoint(answers) as endpoint:
        gone = endpoint.base_url
    path = study_file(tmp_path, gone, runner={"kind": "dask", "workers": 2})
    monkeypatch.setattr(label_task, "retries", 0)
    with pytest.raises(ServiceUnavailableError, match="no connection"):
        label(path)


def test_a_cluster_that_is_not_there_is_told(tmp_path: Path, prefect: None) -> None:
    runner = {"kind": "dask", "workers": 2, "address": "tcp://127.0.0.1:9"}
    path = study_file(tmp_path, "http://127.0.0.1:9/v1", runner=runner)
    with pytest.raises(ServiceUnavailableError, match=r"no dask cluster answers at tcp://127\.0\.0\.1:9"):
        label(path)
