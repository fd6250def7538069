"""Examples from the codebook and from gold of an earlier study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_study
from codebooks import TIMES, TONE, TOPICS

from annotator.codebook import Code, Codebook
from annotator.errors import StudyError
from annotator.labeling.few_shot import from_codebook, from_gold
from annotator.labeling.wording import prompts, variation
from annotator.machines import Elicited
from annotator.study import Study
from annotator.workspace import Workspace

RNG = np.random.default_rng


def gold(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    frame = pd.DataFrame(rows, columns=["unit_id", "text", "label"])
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


ROWS = [(f"g{n}", f"earlier text {n}", TONE.names[n % 2]) for n in range(10)]


def test_codes_take_turns() -> None:
    book = Codebook(
        question="?",
        labels=(
            Code(name="a", examples=("a1", "a2", "a3")),
            Code(name="b", examples=("b1",)),
            Code(name="c"),
        ),
    )
    assert [(e.text, e.label) for e in from_codebook(book, 3)] == [("a1", "a"), ("b1", "b"), ("a2", "a")]
    assert len(from_codebook(book, 100)) == 4


@pytest.mark.parametrize("name", ["gold.csv", "gold.parquet"])
def test_gold_is_balanced_and_the_same_for_the_same_seed(tmp_path: Path, name: str) -> None:
    path = gold(tmp_path / name, ROWS)
    chosen = from_gold(path, TONE, 4, RNG(1))
    assert [example.label for example in chosen] == ["neutral", "positive"] * 2
    assert chosen == from_gold(path, TONE, 4, RNG(1))
    assert chosen != from_gold(path, TONE, 4, RNG(2))
    assert all(example.unit_id is not None for example in chosen)


def test_labels_are_spelt_as_the_prompt_spells_them(tmp_path: Path) -> None:
    (one,) = from_gold(gold(tmp_path / "a.csv", [("1", "x", "daily")]), TIMES, 1, RNG(0))
    assert one.label == "7"
    (two,) = from_gold(gold(tmp_path / "b.csv", [("1", "x", "tax; CRIME")]), TOPICS, 1, RNG(0))
    assert two.label == "crime;tax"


def test_gold_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="row 2: 'mixed' is not in the codebook"):
        from_gold(gold(tmp_path / "a.csv", [("1", "x", "neutral"), ("2", "y", "mixed")]), TONE, 1, RNG(0))
    pd.DataFrame({"unit_id": ["1"], "label": ["neutral"]}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(StudyError, match="no column text"):
        from_gold(tmp_path / "b.csv", TONE, 1, RNG(0))
    with pytest.raises(StudyError, match="cannot be read"):
        from_gold(tmp_path / "c.parquet", TONE, 1, RNG(0))


def study(tmp_path: Path, **keys: object) -> tuple[Study, Elicited]:
    machine = {"name": "gpt", "kind": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1", **keys}
    found = Workspace.open(small_study.write(tmp_path, machine=[machine])).study
    (section,) = found.machine
    assert isinstance(section, Elicited)
    return found, section


def test_a_study_names_its_examples_relative_to_its_file(tmp_path: Path) -> None:
    gold(tmp_path / "earlier.csv", [("u0001", "another text", "left"), ("x", "third text", "right")])
    found, section = study(tmp_path, few_shot={"source": "gold", "path": "earlier.csv", "k": 2})
    own = prompts(found, section)
    assert "another text" in own.label("text number 1", "u0002")[0]["content"]
    assert "another text" not in own.label("text number 1", "u0001")[0]["content"]


def test_every_wording_shows_the_examples(tmp_path: Path) -> None:
    gold(tmp_path / "earlier.csv", [("x", "third text", "right")])
    few_shot = {"source": "gold", "path": "earlier.csv"}
    found, section = study(tmp_path, few_shot=few_shot, shuffles=2, paraphrases=["brief", "questionnaire"])
    varied = variation(found, section, prompts(found, section))
    wordings = [*varied.shuffled, *varied.paraphrased]
    assert len(wordings) == 4
    assert all("third text" in each.label("a", "b")[0]["content"] for each in wordings)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"few_shot": {"source": "gold"}}, "`path` goes with `source: gold`"),
        ({"few_shot": {"source": "codebook", "path": "x.csv"}}, "`path` goes with `source: gold`"),
        ({"few_shot": {"source": "gold", "path": "x.csv"}, "translate": {"model": "m"}}, "another language"),
        ({"confidence": "self_consistency"}, "needs `samples`"),
        ({"samples": 1}, "2 or more"),
        ({"confidence": "prompt_agreement"}, "needs `shuffles` or `paraphrases`"),
        ({"shuffles": 6}, "only 5 other orders"),
        ({"temperature": 0}, "temperature"),
        ({"confidence": "feeling"}, "expected 'verbalized'"),
        ({"few_shot": {"source": "gold", "pth": "x"}}, "did you mean 'path'"),
    ],
)
def test_a_section_that_makes_no_sense_is_refused(tmp_path: Path, keys: dict[str, object], said: str) -> None:
    with pytest.raises(StudyError) as caught:
        study(tmp_path, **keys)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"few_shot": {"source": "codebook"}}, "there is no example"),
        ({"prompts": "nowhere"}, "there is no folder"),
        ({"paraphrases": ["nowhere"]}, "there is no folder"),
    ],
)
def test_what_is_not_there_is_named(tmp_path: Path, keys: dict[str, object], said: str) -> None:
    found, section = study(tmp_path, **keys)
    with pytest.raises(StudyError, match=said):
        variation(found, section, prompts(found, section))
