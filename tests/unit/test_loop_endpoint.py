"""The loop with a model behind an endpoint that goes away in the middle of the labelling."""

import threading
from pathlib import Path

import pytest
import small_study
from chat_endpoint import Answer, ChatEndpoint, completion

from annotator.advance import advance
from annotator.errors import ServiceUnavailableError
from annotator.state import next_step
from annotator.workspace import Workspace

pytestmark = pytest.mark.usefixtures("no_waiting")

N_UNITS = 1200


def says_left(messages: list[dict[str, str]]) -> Answer:
    return completion("80" if "likely" in messages[-1]["content"].lower() else "left")


def study_file(folder: Path, base_url: str) -> Path:
    machine = {"name": "remote", "kind": "openai", "model": "m", "base_url": base_url, "attempts": 2}
    return small_study.write(folder, small_study.corpus(N_UNITS), machine=[{**machine, "concurrency": 8}])


def test_an_endpoint_that_goes_away_is_told_and_no_paid_reply_is_asked_again(tmp_path: Path) -> None:
    enough, lock = threading.Event(), threading.Lock()
    answered: set[str] = set()

    def until_it_dies(messages: list[dict[str, str]], times: int) -> Answer:
        with lock:
            if len(answered) == N_UNITS:  # half of the two calls a unit
                enough.set()
                return Answer(cut=True)
            answered.add(repr(messages))
            return says_left(messages)

    with ChatEndpoint(until_it_dies) as first:
        path = study_file(tmp_path, first.base_url)
        advance(Workspace.open(path))
        stopper = threading.Thread(target=lambda: (enough.wait(60), first.shutdown(), first.server_close()))
        stopper.start()
        with pytest.raises(ServiceUnavailableError) as caught:
            advance(Workspace.open(path))
        stopper.join()
        assert caught.value.retryable
        assert next_step(Workspace.open(path)).stage == "label"

    with ChatEndpoint(lambda messages, times: says_left(messages)) as second:
        study_file(tmp_path, second.base_url)
        advance(Workspace.open(path))
        again = [repr(request["messages"]) for request in second.requests]
    assert not answered & set(again)
    assert len(again) == len(set(again)) == N_UNITS
    workspace = Workspace.open(path)
    labels = workspace.machine_labels("remote")
    assert labels["unit_id"].tolist() == workspace.units["unit_id"].tolist()
    assert set(labels["status"]) == {"ok"}
    assert labels["confidence"].eq(0.8).all()
