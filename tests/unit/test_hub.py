"""Base models from a hub: what passes is told from what does not, and a silent hub is found at once."""

import httpx2
import model_hub
import pytest
from model_hub import BASE

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


def test_a_hub_that_is_switched_off_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for load in (embed_one, refuse_unreachable):
        with model_hub.answering(model_hub.away) as asked, pytest.raises(CannotFitError, match="connect"):
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


def embed_one(base: str) -> object:
    return embed(["a text"], base)
