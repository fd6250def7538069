"""Reading a corpus: what is there comes out as it stands, what is broken is named with its place."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from annotator import corpus
from annotator.errors import CorpusError
from annotator.study import Study


def study(tmp_path: Path, name: str = "corpus.csv", **section: Any) -> Study:
    section = {"path": name, "id": "id", "text": "text", "covariates": ["party"], **section}
    data = {
        "name": "tiny",
        "corpus": section,
        "codebook": {"question": "?", "labels": [{"name": "a"}, {"name": "b"}]},
        "machine": [{"name": "old", "kind": "replay", "label": "machine"}],
        "coding": {"kind": "replay", "column": "human"},
        "design": {"rounds": 1, "budget": 1},
    }
    return Study.model_validate(data).at(tmp_path / "study.yaml")


GOOD = "id,text,party\n007,hello,left\n8,NA,\n9,caf\u00e9,right\n"


def test_values_come_out_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text(GOOD, encoding="utf-8")
    units = corpus.read(study(tmp_path)).units
    assert list(units.columns) == ["unit_id", "text", "party", "content_hash"]
    assert units["unit_id"].tolist() == ["007", "8", "9"]
    assert units["text"].tolist() == ["hello", "NA", "caf\u00e9"]
    assert units["party"].tolist()[0] == "left"
    assert pd.isna(units["party"][1])


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_all_formats_agree(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "text": ['one, "two"\nlines', "x"], "party": [1, 2]})
    path = tmp_path / f"corpus.{ending}"
    match ending:
        case "csv":
            frame.to_csv(path, index=False)
        case "tsv":
            frame.to_csv(path, index=False, sep="\t")
        case "jsonl":
            frame.to_json(path, orient="records", lines=True)
        case "parquet":
            frame.to_parquet(path)
    units = corpus.read(study(tmp_path, path.name)).units
    assert units["text"].tolist() == frame["text"].tolist()
    assert units["party"].tolist() == [1, 2]


def test_glob_reads_files_in_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"part-{name}.csv").write_text(f"id,text,party\n{name},text {name},1\n")
    assert corpus.read(study(tmp_path, "part-*.csv")).units["unit_id"].tolist() == ["a", "b"]


def test_without_id_units_are_known_by_their_text(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("text,party\nsame,1\nsame,1\nother,1\n")
    first = corpus.read(study(tmp_path, id=None)).units["unit_id"].tolist()
    (tmp_path / "corpus.csv").write_text("text,party\nother,1\nsame,1\nsame,1\n")
    second = corpus.read(study(tmp_path, id=None)).units["unit_id"].tolist()
    assert len(set(first)) == 3
    assert set(first) == set(second)


def test_pairs_become_one_text_that_names_its_parts(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("id,premise,hypothesis,party\n1,it rains,it is wet,1\n")
    units = corpus.read(study(tmp_path, text=("premise", "hypothesis"))).units
    assert units["text"].tolist() == ["premise: it rains\n\nhypothesis: it is wet"]


def test_empty_texts_are_refused_or_dropped(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("id,text,party\n1,hello,x\n2,,x\n3,   ,x\n")
    with pytest.raises(CorpusError, match=r"2 of 3 texts are empty, first in rows 2, 3"):
        corpus.read(study(tmp_path))
    table = corpus.read(study(tmp_path, empty_text="drop"))
    assert (len(table.units), table.n_dropped) == (1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,text,party\n1,a,x\n1,b,x\n", r"'id' is not unique: 2 rows share 1 of its values \(1\)"),
        ("id,text,party\n1,a,x\n ,b,x\n", "1 rows have no 'id'"),
        ("id,txt,party\n1,a,x\n", "has no column 'text'"),
        ("id,text,text,party\n1,a,b,x\n", "named twice in the header: text"),
        ("id,text,party\n1,a,x\n2,b\n", "line 3: 2 cells where the header has 3"),
        ("id,text,party\n1,a,x\n2,b,x,y\n", "line 3: 4 cells where the header has 3"),
        ('id,text,party\n1,"a,x\n2,b,x\n', r"(?s)broken row .*a quote that is opened and never closed"),
        ("id,text,party\n", "no unit"),
        ("", "corpus.csv is empty: there is not even a header"),
        ("id;text;party\n1;a;x\n", r"(?s)has no column 'id'.*separated by semicolons"),
    ],
)
def test_broken_csv_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "corpus.csv").write_text(content)
    with pytest.raises(CorpusError, match=message):
        corpus.read(study(tmp_path))


def test_bad_bytes_name_the_line_and_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_bytes(b"id,text,party\n1,good,x\n2,caf\xe9,x\n")
    with pytest.raises(CorpusError, match=r"line 3: the bytes are not utf-8 text") as caught:
        corpus.read(study(tmp_path))
    assert "corpus.encoding" in str(caught.value)
    assert corpus.read(study(tmp_path, encoding="latin-1")).units["text"][1] == "caf\u00e9"


def test_broken_jsonl_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": 1, "text": "a", "party": 1}\n{"id": 2, \n')
    with pytest.raises(CorpusError, match="line 2: broken row"):
        corpus.read(study(tmp_path, "corpus.jsonl"))


def test_broken_parquet_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "corpus.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(CorpusError, match="not a whole Parquet file"):
        corpus.read(study(tmp_path, "corpus.parquet"))
    (tmp_path / "corpus.docx").write_bytes(b"x")
    with pytest.raises(CorpusError, match="a corpus is a"):
        corpus.read(study(tmp_path, "corpus.docx"))
    with pytest.raises(CorpusError, match="there is no corpus"):
        corpus.read(study(tmp_path, "absent.csv"))


HALF = "\\ud83d"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f'{{"id": "2", "text": "half {HALF}", "party": 1}}', "'text' holds half of a character"),
        (f'{{"id": "{HALF}", "text": "b", "party": 1}}', "'id' holds half of a character"),
        (f'{{"id": "2", "text": "b", "party": "{HALF}"}}', "'party' holds half of a character"),
        (
            f'{{"id": "2", "text": "b", "party": 1, "{HALF}": 1}}',
            "name of a column holds half of a character",
        ),
        ('{"id": "2", "text": "a\\u0000b", "party": 1}', r"'text' holds the character NUL"),
        ('{"id": "2\\u0000", "text": "b", "party": 1}', r"'id' holds the character NUL"),
    ],
)
def test_characters_that_nothing_can_keep_are_named(tmp_path: Path, row: str, said: str) -> None:
    (tmp_path / "corpus.jsonl").write_text(f'{{"id": "1", "text": "a", "party": 1}}\n{row}\n')
    with pytest.raises(CorpusError, match=said) as caught:
        corpus.read(study(tmp_path, "corpus.jsonl"))
    assert "column" in said or "row 2" in caught.value.message
    assert caught.value.hint


def test_what_is_not_used_may_hold_anything(tmp_path: Path) -> None:
    row = f'{{"id": "1", "text": "whole \\ud83d\\ude00", "party": "\\u0000", "other": "{HALF}"}}'
    (tmp_path / "corpus.jsonl").write_text(row)
    assert corpus.read(study(tmp_path, "corpus.jsonl")).units["text"].tolist() == ["whole \U0001f600"]


def test_hashes_of_contents_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "corpus.csv").write_text("text,party\ncaf\u00e9 \U0001f600,x\n", encoding="utf-8")
    (unit,) = corpus.read(study(tmp_path, id=None)).units.to_dict("records")
    assert unit["content_hash"].startswith(unit["unit_id"])
    assert unit["unit_id"] == "043764df773ac7ce"


def test_texts_may_be_as_long_as_a_book(tmp_path: Path) -> None:
    text = "word " * 40_000
    (tmp_path / "corpus.csv").write_text(f"id,text,party\n1,{text},x\n")
    assert corpus.read(study(tmp_path)).units["text"].tolist() == [text]
