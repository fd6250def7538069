"""Texts that are translated on this machine before they are labelled."""

from pathlib import Path

import pytest
import small_study
import tiny_classifier
from tiny_classifier import SENTENCES

from annotator.errors import ServiceError
from annotator.labeling.build import build
from annotator.labeling.cache import ReplyCache
from annotator.labeling.faults import Fault
from annotator.labeling.lexicon import LexiconAnnotator
from annotator.labeling.protocol import Unit
from annotator.labeling.translation import TranslatingAnnotator, Translator
from annotator.workspace import Workspace

GERMAN = list(SENTENCES)
VADER = LexiconAnnotator("vader", {"left": -1.0, "right": 0.05})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_classifier.build_translator(tmp_path_factory.mktemp("translator"))


def test_sentences_are_translated_and_put_together_again(model: Path, cache: ReplyCache) -> None:
    translator = Translator(str(model), cache, batch_size=2)
    texts = ["gut .", "schlecht . gut .", "gut .\n\n  schlecht .\n", "der Tag war gut ."]
    assert translator.translate(texts) == [
        "good .",
        "bad . good .",
        "good .\n\n  bad .\n",
        "the day was good .",
    ]


def test_no_text_is_translated_twice(model: Path, cache: ReplyCache) -> None:
    first = Translator(str(model), cache).translate([*GERMAN, *GERMAN])
    assert len(cache) == len(GERMAN)
    assert Translator(str(model), cache).translate(GERMAN) == first[:3] == list(SENTENCES.values())


def test_what_cannot_be_translated_is_a_row(model: Path, cache: ReplyCache) -> None:
    annotator = TranslatingAnnotator(VADER, Translator(str(model), cache))
    units = [Unit("good", "gut ."), Unit("long", "gut " * 600), Unit("bad", "schlecht .")]
    good, long, bad = annotator.label(units)
    assert (good.label, bad.label) == ("right", "left")
    assert (good.raw or "").startswith("translation: good .\ncompound ")
    assert (long.label, long.status) == (None, "error")
    assert "does not fit" in (long.raw or "")
    assert [row.unit_id for row in (good, long, bad)] == ["good", "long", "bad"]


def test_a_translation_without_end_is_a_fault(model: Path, cache: ReplyCache) -> None:
    translator = Translator(str(model), cache)
    translator._model.generation_config.eos_token_id = 99_999
    (found,) = translator.translate(["gut ."])
    assert isinstance(found, Fault)
    assert len(cache) == 0


def test_both_texts_of_a_pair_are_translated(model: Path, cache: ReplyCache) -> None:
    annotator = TranslatingAnnotator(VADER, Translator(str(model), cache), ("Satz", "Antwort"))
    (row,) = annotator.label([Unit("p", "Satz: schlecht .\n\nAntwort: gut .")])
    assert (row.raw or "").splitlines()[0] == "translation: Satz: bad . Antwort: good ."


def test_a_study_names_the_translator(model: Path, tmp_path: Path) -> None:
    machine = {"name": "vader", "kind": "lexicon", "thresholds": {"left": -1, "right": 0.05}}
    path = small_study.write(tmp_path, machine=[{**machine, "translate": {"model": str(model)}}])
    workspace = Workspace.open(path)
    annotator = build(workspace, workspace.study.machine[0])
    assert "translated by" in annotator.check()
    assert annotator.label([Unit("u", "gut .")])[0].label == "right"
    assert (workspace.folder / "translations.sqlite").exists()


def test_a_missing_model_is_explained(cache: ReplyCache, tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="cannot be loaded") as caught:
        Translator(str(tmp_path / "nowhere"), cache).translate(["gut ."])
    assert "sequence-to-sequence" in (caught.value.hint or "")
