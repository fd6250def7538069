"""Tables as Stata files, read back."""

import re
import unicodedata
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import small_study
from hypothesis import given
from hypothesis import strategies as st
from pandas.io.stata import StataReader

from annotator.codebook import Code, Codebook
from annotator.errors import StudyError
from annotator.export.formats import export
from annotator.export.names import LONGEST, RESERVED, distinct_names, valid_names
from annotator.export.stata import write_dta
from annotator.export.stata_table import StataTable, code_numbers, stata_table
from annotator.export.wanted import Wanted
from annotator.workspace import Workspace

LONG = "Ein sehr langer Text über Öl. " * 200  # 5,000 bytes and more


def there_and_back(
    columns: dict[str, Any], folder: Path, **options: Any
) -> tuple[StataTable, pd.DataFrame, dict[str, str]]:
    """A table as Stata has it, as pandas reads it back, and its variable labels."""
    table = stata_table(pa.table(columns), **options)
    place = write_dta(folder / "t.dta", table, {})
    with StataReader(place) as reader:
        return table, pd.read_stata(place), reader.variable_labels()


def test_values_come_back(tmp_path: Path) -> None:
    moment = datetime(2024, 2, 29, 23, 30, 15, 250_000, tzinfo=UTC)
    table, back, said = there_and_back(
        {
            "wörter": ["économie", "", None],
            "text": [LONG, "短い", None],
            "yes or no": [True, False, None],
            "count": pa.array([1, None, -3], pa.int64()),
            "large": pa.array([2**53 + 1, None, 1], pa.int64()),
            "number": [0.1, None, -1e300],
            "nothing": pa.nulls(3),
            "no words": pa.nulls(3, pa.large_string()),
            "day": pa.array([date(1999, 12, 31), None, date(1950, 1, 1)]),
            "moment": pa.array([moment, None, moment], pa.timestamp("us", tz="Europe/Vienna")),
            "small": pa.array([255, 0, None], pa.uint8()),
        },
        tmp_path,
        keep_text=["text"],
    )
    assert list(back) == list(table.names.values())
    assert back["wörter"].tolist()[0] == "économie"
    assert back["wörter"].isna().tolist() == [False, True, True]
    assert back["text"].tolist() == [LONG, "短い", ""]
    assert table.long_texts == ["text"]
    assert back["yes_or_no"].tolist()[:2] == ["yes", "no"]
    assert back["yes_or_no"].isna().tolist() == [False, False, True]
    assert back["count"].tolist()[::2] == [1, -3]
    assert back["large"].tolist() == [str(2**53 + 1), "", "1"]
    assert back["number"].tolist()[::2] == [0.1, -1e300]
    assert back["nothing"].isna().all()
    assert (back["no_words"] == "").all()
    assert back["day"].tolist()[::2] == [pd.Timestamp("1999-12-31"), pd.Timestamp("1950-01-01")]
    assert back["moment"][0] == pd.Timestamp(moment).tz_localize(None)
    assert back["small"].tolist()[:2] == [255, 0]
    for name in ("count", "number", "day", "moment"):
        assert back[name].isna().tolist() == [False, True, False]
    assert said["yes_or_no"] == "[yes or no]"


def test_an_empty_table_can_be_written(tmp_path: Path) -> None:
    empty = {"a": pa.array([], pa.string()), "b": pa.array([], pa.int64()), "c": pa.array([], pa.float64())}
    assert there_and_back(empty, tmp_path)[1].shape == (0, 3)


def test_many_different_words_stay_text(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(101)]
    table, back, _ = there_and_back({"many": words, "few": ["b", "a", *["b"] * 99]}, tmp_path)
    assert table.value_labels == {"few": {1: "a", 2: "b"}}
    assert back["many"].tolist() == words


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e308])
def test_numbers_that_stata_cannot_hold_are_named(value: float) -> None:
    with pytest.raises(StudyError, match="'income' holds 1 numbers that Stata cannot hold"):
        stata_table(pa.table({"income": [1.0, value]}))


def test_codes_keep_their_own_numbers_where_they_are_whole() -> None:
    def numbers(values: list[float | None], kind: str = "categorical") -> list[int]:
        codes = tuple(Code(name=f"c{i}", value=value) for i, value in enumerate(values))
        return list(code_numbers(Codebook(question="?", type=kind, labels=codes)))  # type: ignore[arg-type]

    assert numbers([-2, 0, 2]) == [-2, 0, 2]
    assert numbers([0.5, 1]) == [1, 2]
    assert numbers([1, 1]) == [1, 2]
    assert numbers([None, None]) == [1, 2]
    assert numbers([None, None, None], "ordinal") == [1, 2, 3]


def test_names_clash_no_more(tmp_path: Path) -> None:
    columns = ["Alter (Jahre)", "Alter [Jahre]", "Alter__Jahre_", "if", "str9", "9", "µ", "", "_x"]
    columns += [f"probability_that_round_{i} drew the unit" for i in range(12)]
    names = valid_names(columns)
    frame = pd.DataFrame({name: [1] for name in names.values()})
    frame.to_stata(tmp_path / "t.dta", version=118, write_index=False)  # a name it changes is a warning
    assert list(pd.read_stata(tmp_path / "t.dta")) == list(names.values())
    assert valid_names(columns) == names


@given(st.lists(st.one_of(st.text(max_size=40), st.sampled_from(sorted(RESERVED))), max_size=12))
def test_any_names_become_valid_ones(wished: list[str]) -> None:
    names = distinct_names(wished)
    assert len(set(names)) == len(wished)
    for name in names:
        assert len(name) <= LONGEST
        assert name not in RESERVED
        assert unicodedata.category(name[0]).startswith("L")
        assert re.fullmatch(r"\w+", name)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    corpus = small_study.corpus()
    corpus["Größe (cm)"] = np.arange(len(corpus)) % 40 + 150
    corpus.loc[0, "text"] = LONG
    path = small_study.write(
        tmp_path_factory.mktemp("finished"),
        corpus,
        corpus={
            "path": "corpus.csv",
            "id": "id",
            "text": "text",
            "covariates": ["party", "Größe (cm)"],
            "cluster": "party",
        },
        design={"rounds": 1, "budget": 30},
        estimands=[
            {"name": "height", "kind": "ols", "outcome": "left", "covariates": ["Größe (cm)", "party"]},
            {"name": "inside", "kind": "ols", "outcome": "Größe (cm)", "covariates": ["left"]},
        ],
    )
    return small_study.run_to_the_end(path)


def test_a_study_for_stata(finished: Workspace, tmp_path: Path) -> None:
    written = export(finished, "stata", tmp_path / "s", Wanted(text=True))
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == sorted(path.name for path in written)
    stored = finished.store.read_frame("labels.parquet")
    back = pd.read_stata(tmp_path / "s" / "labels.dta")
    assert back["text"].tolist() == finished.units["text"].tolist()
    assert back["rectified_left"].tolist() == stored["rectified_left"].tolist()
    assert back["Größe__cm_"].tolist() == stored["Größe (cm)"].tolist()
    for column in ("party", "gold", "machine_label_old", "prediction"):
        is_there = stored[column].notna()
        assert back[column].notna().equals(is_there)
        assert (back[column].astype(str) == stored[column])[is_there].all()
    estimates = pd.read_stata(tmp_path / "s" / "estimates.dta")
    assert estimates["estimate"].equals(finished.store.read_frame("estimates.parquet")["estimate"])
    with StataReader(tmp_path / "s" / "labels.dta") as reader:
        said, of_values = reader.variable_labels(), reader.value_labels()
    assert of_values["gold"] == of_values["prediction"] == dict(enumerate(small_study.CODES, start=1))
    assert of_values["party"] == {1: "a", 2: "b"}
    assert said["Größe__cm_"] == "covariate [Größe (cm)]"
    assert said["rectified_left"].startswith("rectified left: outcome of regressions, not a prediction")
    variables = pd.read_csv(tmp_path / "s" / "variables.csv").set_index(["file", "variable"])
    assert variables.loc[("labels", "Größe__cm_"), "column"] == "Größe (cm)"


def test_the_program_regresses_rectified_labels_and_nothing_on_them(
    finished: Workspace, tmp_path: Path
) -> None:
    export(finished, "stata", tmp_path, Wanted())
    program = (tmp_path / "analyse.do").read_text(encoding="utf-8")
    commands = [line for line in program.splitlines() if line.startswith("regress")]
    assert commands == [
        *(f"regress rectified_{code}, vce(cluster party)" for code in small_study.CODES),
        "regress rectified_left Größe__cm_ i.party, vce(cluster party)",
    ]
    assert "text" not in pd.read_stata(tmp_path / "labels.dta")


def test_coded_units_alone_come_without_the_program(finished: Workspace, tmp_path: Path) -> None:
    export(finished, "stata", tmp_path, Wanted(coded_only=True))
    assert not (tmp_path / "analyse.do").exists()
    assert pd.read_stata(tmp_path / "labels.dta")["gold"].notna().all()
