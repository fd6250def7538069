"""A study as a data set for Hugging Face's library, which is not needed to check what it would read."""

import json
from pathlib import Path
from typing import Any

import multilabel_study
import pandas as pd
import pyarrow.parquet as pq
import pytest
import small_study
import yaml

from annotator.export import results
from annotator.export.formats import export
from annotator.export.wanted import Wanted
from annotator.workspace import Workspace


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    corpus = small_study.corpus()
    corpus.loc[:3, "machine"] = None
    path = small_study.write(tmp_path_factory.mktemp("finished"), corpus, design={"rounds": 2, "budget": 40})
    return small_study.run_to_the_end(path)


@pytest.fixture(scope="module")
def multilabel(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    sections = {**multilabel_study.sections(), "estimands": [{"name": "prevalence", "kind": "mean"}]}
    path = small_study.write(
        tmp_path_factory.mktemp("multilabel"),
        multilabel_study.corpus(),
        **{**sections, "design": {"rounds": 1, "budget": 40}},
    )
    return small_study.run_to_the_end(path)


def header(folder: Path) -> dict[str, Any]:
    """What the card says to a program."""
    _, head, body = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    assert body.strip()
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def features(path: Path) -> dict[str, Any]:
    """What the library reads off the schema of a Parquet file."""
    found: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    return found


def test_splits_are_the_coded_units_and_the_others(finished: Workspace, tmp_path: Path) -> None:
    written = export(finished, "huggingface", tmp_path, Wanted(text=True))
    assert [str(path.relative_to(tmp_path)) for path in written] == [
        "data/coded.parquet",
        "data/uncoded.parquet",
        "README.md",
    ]
    assert header(tmp_path)["configs"][0]["data_files"] == [
        {"split": "coded", "path": "data/coded.parquet"},
        {"split": "uncoded", "path": "data/uncoded.parquet"},
    ]
    coded, uncoded = (pd.read_parquet(path) for path in written[:2])
    stored = finished.store.read_frame("labels.parquet").set_index("unit_id")
    assert len(coded) == 40
    assert sorted([*coded["unit_id"], *uncoded["unit_id"]]) == sorted(stored.index)
    for rows in (coded, uncoded):
        of_stored = stored.loc[rows["unit_id"]].reset_index()
        assert rows["rectified_left"].tolist() == of_stored["rectified_left"].tolist()
        assert rows["text"].tolist() == finished.units.set_index("unit_id")["text"][rows["unit_id"]].tolist()
        names = dict(enumerate(small_study.CODES))
        for column in ("gold", "prediction", "machine_label_old"):
            said = rows[column].map(names)
            assert said.isna().equals(of_stored[column].isna())
            assert said.dropna().tolist() == of_stored[column].dropna().tolist()
    assert uncoded["machine_label_old"].isna().any()


def test_schema_and_card_name_the_same_features(finished: Workspace, tmp_path: Path) -> None:
    export(finished, "huggingface", tmp_path, Wanted())
    of_file = features(tmp_path / "data" / "coded.parquet")
    assert "text" not in of_file
    assert of_file == features(tmp_path / "data" / "uncoded.parquet")
    assert of_file["gold"] == {"names": list(small_study.CODES), "_type": "ClassLabel"}
    assert of_file["rectified_left"] == {"dtype": "float64", "_type": "Value"}
    of_card = {feature["name"]: feature["dtype"] for feature in header(tmp_path)["dataset_info"]["features"]}
    assert list(of_card) == list(of_file) == pq.read_schema(tmp_path / "data" / "coded.parquet").names
    assert of_card["party"] == "string"
    assert of_card["gold"] == {"class_label": {"names": dict(zip("012", small_study.CODES, strict=True))}}


def test_several_codes_are_a_list(multilabel: Workspace, tmp_path: Path) -> None:
    export(multilabel, "huggingface", tmp_path, Wanted())
    names = {"names": list(multilabel_study.CODES), "_type": "ClassLabel"}
    assert features(tmp_path / "data" / "coded.parquet")["gold"] == {"feature": names, "_type": "Sequence"}
    rows = pd.read_parquet(tmp_path / "data" / "coded.parquet")
    gold = multilabel.store.read_frame("labels.parquet").set_index("unit_id")["gold"]
    for unit, places in zip(rows["unit_id"], rows["gold"], strict=True):
        assert (";".join(multilabel_study.CODES[place] for place in places) or "none") == gold[unit]
    of_card = {feature["name"]: feature for feature in header(tmp_path)["dataset_info"]["features"]}
    assert set(of_card["gold"]["sequence"]) == {"class_label"}
    assert pd.read_parquet(tmp_path / "data" / "uncoded.parquet")["gold"].isna().all()


def test_a_split_that_is_no_longer_there_is_removed(finished: Workspace, tmp_path: Path) -> None:
    export(finished, "huggingface", tmp_path, Wanted())
    export(finished, "huggingface", tmp_path, Wanted(coded_only=True))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["coded.parquet"]
    assert len(header(tmp_path)["configs"][0]["data_files"]) == 1
    assert "of no use here" in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("to", ["huggingface", "csv", "stata"])
def test_slices_make_no_difference(
    finished: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    export(finished, to, tmp_path / "one", Wanted(text=True))
    monkeypatch.setattr(results, "SLICE", 7)
    export(finished, to, tmp_path / "many", Wanted(text=True))
    place = {"huggingface": "data/coded.parquet", "csv": "labels.csv", "stata": "labels.dta"}[to]
    read = {"huggingface": pd.read_parquet, "csv": pd.read_csv, "stata": pd.read_stata}[to]
    one, many = (read(tmp_path / folder / place) for folder in ("one", "many"))
    pd.testing.assert_frame_equal(one, many)
