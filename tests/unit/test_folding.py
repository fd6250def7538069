"""A code is the same code in whichever form of Unicode somebody's keyboard or system wrote it."""

import unicodedata
from pathlib import Path
from typing import Literal

import pytest
import small_study

from annotator.codebook import Code, Codebook
from annotator.errors import StudyError
from annotator.labeling.completion import Completion
from annotator.labeling.structured import read
from annotator.workspace import Workspace

FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
NAMES = ("caf\u00e9", "\u1e69\u014d", "tea", "\ud55c\uae00")


def names(form: Literal["NFC", "NFD"]) -> list[str]:
    return [unicodedata.normalize(form, name) for name in NAMES]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("type_", ["categorical", "multilabel"])
def test_labels_are_read_in_every_form_and_written_as_the_study_file_has_them(
    form: Literal["NFC", "NFD"], type_: Literal["categorical", "multilabel"]
) -> None:
    book = Codebook(question="?", type=type_, labels=tuple(Code(name=name) for name in names(form)))
    for other in FORMS:
        for given, name in zip(names(other), book.names, strict=True):
            assert book.spell(given) == name
            assert book.spell(f" {given.upper()}") == name
            assert book.is_label(given) is (given == name)
    if book.is_multilabel:
        assert book.spell(";".join(reversed(names("NFD")))) == ";".join(book.names)


def test_codes_that_look_the_same_are_refused(tmp_path: Path) -> None:
    labels = [{"name": unicodedata.normalize(form, "caf\u00e9")} for form in FORMS]
    path = small_study.write(tmp_path, codebook={"question": "?", "labels": labels})
    with pytest.raises(StudyError, match="given twice: caf"):
        Workspace.open(path)


@pytest.mark.parametrize("form", FORMS)
def test_a_json_reply_is_read_in_every_form(form: Literal["NFC", "NFD"]) -> None:
    book = Codebook(question="?", labels=tuple(Code(name=name) for name in names(form)))
    for other in FORMS:
        said = read(Completion(f'{{"label": "{names(other)[0]}", "probability": 0.9}}', "stop"), book)
        assert said.label == book.names[0]


@pytest.mark.parametrize("form", FORMS)
def test_replayed_columns_are_read_in_every_form(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    other = FORMS[FORMS.index(form) - 1]
    frame = small_study.corpus(60)
    meant = dict(zip(small_study.CODES, NAMES, strict=False))
    for column in ("human", "machine"):
        frame[column] = [unicodedata.normalize(other, meant[code]) for code in frame[column]]
    labels = [{"name": unicodedata.normalize(form, meant[code])} for code in small_study.CODES]
    path = small_study.write(
        tmp_path,
        frame,
        codebook={"question": "?", "labels": labels},
        design={"rounds": 1, "budget": 30},
        estimands=[{"name": "prevalence", "kind": "mean"}],
    )
    workspace = small_study.run_to_the_end(path)
    written = {label["name"] for label in labels}
    assert set(workspace.store.read_frame("rounds/001/gold.parquet")["label"]) <= written
    assert set(workspace.machine_labels("old")["label"]) == written
    assert set(workspace.store.read_frame("estimates.parquet")["label"]) == written
