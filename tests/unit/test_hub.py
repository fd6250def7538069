"""Base models from a hub: what passes is told from what does not, and a silent hub is found at once."""

from pathlib import Path
from typing import Any

import httpx2
import model_hub
import pytest
import small_study
from model_hub import BASE

from annotator.check import check
from annotator.errors import ServiceError, ServiceUnavailableError
from annotator.labeling.loading import load_tokenizer
from annotator.workspace import Workspace
from models.embeddings import embed
from models.errors import CannotFitError, UnreachableError
from models.pretrained import open_base, refuse_unreachable


@pytest.mark.parametrize("answer", [model_hub.away, model_hub.busy])
def test_a_hub_that_does_not_answer_may_later(answer: model_hub.Answer) -> None:
    said = rf"cannot load the model '{BASE}' now: .*Try again when the hub"
    with model_hub.answering(answer) as asked, pytest.raises(UnreachableError, match=said):
        embed(["a text"], BASE)
    assert len(asked) > 2  # its client's own patience is left as it is


def test_a_base_that_the_hub_does_not_have_stays_away() -> None:
    with model_hub.answering(model_hub.unknown), pytest.raises(CannotFitError, match="not a valid model"):
        embed(["a text"], BASE)


def test_a_download_that_breaks_off_may_pass() -> None:
    def broken(_: str) -> object:
        raise httpx2.RemoteProtocolError("peer closed connection")

    with pytest.raises(UnreachableError, match="peer closed connection"):
        open_base("embedded:encoder", broken)


def test_a_hub_that_is_switched_off_stays_so() -> None:
    for load in (embed_one, refuse_unreachable):
        silent = model_hub.answering(model_hub.away, offline=True)
        with silent as asked, pytest.raises(CannotFitError, match="connect"):
            load(BASE)
        assert not asked


@pytest.mark.parametrize("answer", [model_hub.away, model_hub.busy])
def test_a_look_asks_once_and_prints_nothing(
    answer: model_hub.Answer, caplog: pytest.LogCaptureFixture
) -> None:
    with model_hub.answering(answer) as asked, pytest.raises(UnreachableError, match=BASE):
        refuse_unreachable(BASE)
    assert asked == ["GET"]
    assert not caplog.records


@pytest.mark.parametrize(
    ("base", "said"), [(BASE, "not a valid model"), ("no/such/folder", "cannot load the base model")]
)
def test_a_look_names_a_base_that_is_nowhere(base: str, said: str) -> None:
    with model_hub.answering(model_hub.unknown), pytest.raises(CannotFitError, match=said):
        refuse_unreachable(base)


def test_what_is_here_needs_no_hub() -> None:
    with model_hub.answering(model_hub.away) as asked:
        refuse_unreachable("embedded:encoder")
    assert not asked


@pytest.mark.parametrize(
    "machine",
    [
        {"name": "m", "kind": "transformers", "model": BASE},
        {
            "name": "m",
            "kind": "lexicon",
            "thresholds": {"left": -1, "neither": 0, "right": 0.1},
            "translate": {"model": BASE},
        },
    ],
)
def test_a_silent_hub_does_not_keep_a_look_at_a_machine_waiting(
    tmp_path: Path, machine: dict[str, Any]
) -> None:
    workspace = Workspace.open(small_study.write(tmp_path, machine=[machine]))
    with model_hub.answering(model_hub.away) as asked:
        found = {each.what: each for each in check(workspace)}["machine annotator m"]
    assert isinstance(found.error, ServiceUnavailableError)
    assert f"cannot load the model '{BASE}' now" in found.detail
    assert asked == ["GET"]


@pytest.mark.parametrize(
    ("answer", "error"), [(model_hub.busy, ServiceUnavailableError), (model_hub.unknown, ServiceError)]
)
def test_a_machine_annotator_can_be_loaded_later_if_its_hub_is_only_away(
    answer: model_hub.Answer, error: type[ServiceError]
) -> None:
    with model_hub.answering(answer), pytest.raises(ServiceError) as caught:
        load_tokenizer(BASE, "a model")
    assert type(caught.value) is error


def embed_one(base: str) -> object:
    return embed(["a text"], base)
