"""Codes of others are read from exports and tables, matched with the corpus, and what is odd is counted."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_study

from annotator import corpus
from annotator.adoption.adopting import Adopted, adopted
from annotator.errors import StudyError
from annotator.study_file import read


def units() -> pd.DataFrame:
    return small_study.corpus(30)


def annotation(
    coder: Any, *choices: str, number: int = 1, control: str = "topic", **more: Any
) -> dict[str, Any]:
    result = [{"from_name": control, "to_name": "t", "type": "choices", "value": {"choices": list(choices)}}]
    return {
        "id": number,
        "completed_by": coder,
        "result": result if choices else [],
        "was_cancelled": False,
        "updated_at": f"2026-01-01T00:00:{number:02d}Z",
        "lead_time": 3.5,
        **more,
    }


def task(number: int, *annotations: dict[str, Any], **data: Any) -> dict[str, Any]:
    fields = {"respondent": f"u{number:04d}", "body": f"text number {number}", **data}
    return {"id": 100 + number, "data": fields, "annotations": list(annotations)}


def look(folder: Path, content: object, name: str = "export.json", **section: Any) -> Adopted:
    folder.mkdir(exist_ok=True)
    if isinstance(content, pd.DataFrame):
        write = content.to_parquet if name.endswith(".parquet") else content.to_csv
        write(folder / name, index=False)
    else:
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    path = small_study.write(folder, units(), adopted=[{"file": name, "use": "known", **section}])
    study = read(path)
    return adopted(study, corpus.read(study).units)


def labels(found: Adopted, use: Any = "known") -> dict[tuple[str, str], str]:
    rows = found.codes[use].dropna(subset=["label"])
    return {(row.unit_id, row.coder): row.label for row in rows.itertuples()}


def test_an_export_is_read_whatever_its_project_called_things(tmp_path: Path) -> None:
    found = look(
        tmp_path,
        [
            task(1, annotation({"id": 4, "email": "ann@example.org"}, "Left wing")),
            task(2, annotation(7, "RIGHT"), annotation({"id": 8, "email": "Deleted"}, "Left wing", number=2)),
            task(3, annotation(7, "a martian")),
            task(4, annotation(7, number=3, was_cancelled=True)),
            task(5),
            task(6, annotation(7, "right", number=4), annotation(7, "neither", number=5)),
            task(77, annotation(7, "right")),
            task(8, annotation(7, "right", parent_prediction=5)),
        ],
        id="respondent",
        labels={"Left wing": "left"},
    )
    assert labels(found) == {
        ("u0001", "ann@example.org"): "left",
        ("u0002", "account 7"): "right",
        ("u0002", "account 8"): "left",
        ("u0006", "account 7"): "neither",
    }
    (summary,) = found.summaries()
    told = {
        "items": 8,
        "matched": 7,
        "unmatched": 1,
        "off_codebook": 1,
        "skipped": 1,
        "suggested": 1,
        "doubles": 1,
        "units": 3,
        "coded_by_several": 1,
        "disagreed": 1,
        "words": {"a martian": 1},
        "coders": {"account 7": 2, "ann@example.org": 1, "account 8": 1},
    }
    assert {name: summary[name] for name in told} == told


def test_without_an_id_texts_are_matched_exactly(tmp_path: Path) -> None:
    tasks = [task(1, annotation(1, "left")), task(2, annotation(1, "left"), body="Text number 2")]
    assert labels(look(tmp_path, tasks)) == {("u0001", "account 1"): "left"}


def test_a_text_that_two_units_have_is_neither(tmp_path: Path) -> None:
    frame = units()
    frame.loc[1, "text"] = frame.loc[2, "text"]
    path = small_study.write(tmp_path, frame, adopted=[{"file": "export.json", "use": "training"}])
    (tmp_path / "export.json").write_text(json.dumps([task(2, annotation(1, "left"))]))
    study = read(path)
    assert adopted(study, corpus.read(study).units).summaries()[0]["ambiguous"] == 1


def test_an_id_whose_text_is_another_one_is_not_believed(tmp_path: Path) -> None:
    tasks = [
        task(1, annotation(1, "left"), text="text  number 1\n"),
        task(2, annotation(1, "left"), text="text number 3"),
    ]
    found = look(tmp_path, tasks, id="respondent")
    assert labels(found) == {("u0001", "account 1"): "left"}
    assert found.summaries()[0]["other_text"] == 1


def test_ids_whose_texts_were_not_compared_are_counted(tmp_path: Path) -> None:
    tasks = [
        task(1, annotation(1, "left")),
        task(2, annotation(1, "left"), body="text number 3"),
        task(3, annotation(1, "left"), text=3),
    ]
    found = look(tmp_path, tasks, id="respondent").summaries()[0]
    assert (found["matched"], found["other_text"], found["not_compared"]) == (3, 0, 1)
    found = look(tmp_path, tasks, id="respondent", text="body").summaries()[0]
    assert (found["matched"], found["other_text"], found["not_compared"]) == (2, 1, 0)
    table = pd.DataFrame({"unit_id": ["u0001", "u0002"], "label": "left"})
    assert look(tmp_path, table, "codes.csv").summaries()[0]["not_compared"] == 2


def test_of_several_controls_one_is_named(tmp_path: Path) -> None:
    both = annotation(1, "left")
    both["result"].append(annotation(1, "sure", control="certainty")["result"][0])
    with pytest.raises(StudyError, match="certainty, topic") as caught:
        look(tmp_path, [task(1, both)])
    assert "`field`" in str(caught.value.hint)
    assert labels(look(tmp_path, [task(1, both)], field="topic")) == {("u0001", "account 1"): "left"}
    with pytest.raises(StudyError, match="control 'code'"):
        look(tmp_path, [task(1, both)], field="code")


def test_choices_for_a_stretch_of_the_text_are_not_about_the_unit(tmp_path: Path) -> None:
    of_stretch = annotation(1, "left")
    of_stretch["result"][0]["value"]["start"] = 3
    assert labels(look(tmp_path, [task(1, of_stretch)])) == {}


@pytest.mark.parametrize("name", ["codes.csv", "codes.parquet", "codes.json"])
def test_tables_have_a_row_a_coder_and_unit(tmp_path: Path, name: str) -> None:
    rows = pd.DataFrame(
        {
            "nr": ["u0001", "u0001", "u0002", "u0003"],
            "who": ["ann", "ben", "ann", "ann"],
            "topic": ["left", "right", "Neither", ""],
        }
    )
    content: object = json.loads(rows.to_json(orient="records")) if name.endswith(".json") else rows
    found = look(tmp_path, content, name, id="nr", coder="who", field="topic")
    assert labels(found) == {("u0001", "ann"): "left", ("u0001", "ben"): "right", ("u0002", "ann"): "neither"}
    assert found.summaries()[0]["items"] == 4


def test_a_table_may_have_texts_for_ids(tmp_path: Path) -> None:
    rows = pd.DataFrame({"text": ["text number 4", "text number 400"], "label": ["left", "left"]})
    assert labels(look(tmp_path, rows, "codes.csv")) == {("u0004", "unknown (codes.csv)"): "left"}


@pytest.mark.parametrize(
    ("content", "name", "section", "said"),
    [
        ("{", "export.json", {}, "cannot be read"),
        ("{}", "export.json", {}, "expected a list of tasks"),
        ("a", "codes.txt", {}, "codes are read from"),
        ("unit_id,code\nu0001,left\n", "codes.csv", {}, "no column is known to hold the codes"),
        ("nr,label\nu0001,left\n", "codes.csv", {}, "hold the unit ids or texts"),
        ("unit_id,label\nu0001,left\n", "codes.csv", {"field": "topic"}, "no column 'topic'"),
        ([task(1, annotation(1, "left"))], "export.json", {"id": "nr"}, "no task has a field 'nr'"),
        ("unit_id,label,label\nu0001,left,right\n", "codes.csv", {}, "named twice in the header: label"),
        ("unit_id,coder,label\nu0001,ann,left,\n", "codes.csv", {}, "line 2: 4 cells where the header has 3"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, content: object, name: str, section: dict[str, Any], said: str
) -> None:
    with pytest.raises(StudyError, match=said):
        look(tmp_path, content, name, **section)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"updated_at": "yesterday noon"}, "'yesterday noon' is no date and time"),
        ({"updated_at": 20260101}, "20260101 is no date and time"),
        ({"lead_time": "long"}, "'long' is no number of seconds"),
        ({"lead_time": [3]}, "no number of seconds"),
        ({"completed_by": [1]}, "names no coder"),
        ({"id": "a1-b2"}, "'a1-b2' is no whole number"),
    ],
)
def test_a_broken_answer_is_named_with_its_place(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    answer = {**annotation(1, "left", number=3), **wrong}
    with pytest.raises(StudyError, match=r"export\.json, task 107, annotation (3|a1-b2)") as caught:
        look(tmp_path, [task(7, answer)])
    assert said in caught.value.message
    assert caught.value.hint


def test_numbers_that_are_written_as_text_are_numbers(tmp_path: Path) -> None:
    answer = annotation(1, "left", lead_time="12.5")
    answer["id"] = "3"
    found = look(tmp_path, [task(1, answer), task(2, annotation(1, "left", lead_time=""))]).codes["known"]
    assert found["lead_time"].tolist()[0] == 12.5
    assert pd.isna(found["lead_time"][1])
    assert found["annotation_id"].tolist() == [3, 1]


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85"])
def test_ends_of_lines_within_a_text_end_no_row(tmp_path: Path, end: str) -> None:
    rows = [{"unit_id": f"u000{n}", "coder": "ann", "label": "left", "note": f"a{end}b"} for n in (1, 2)]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert len(labels(look(tmp_path, lines, "codes.jsonl"))) == 2


def several(folder: Path, sections: list[dict[str, Any]], **tables: pd.DataFrame) -> Adopted:
    """What several tables give, each in a file, or folder and file, of its name."""
    for name, rows in tables.items():
        place = folder / f"{name.replace('__', '/')}.csv"
        place.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(place, index=False)
    study = read(small_study.write(folder, units(), adopted=sections))
    return adopted(study, corpus.read(study).units)


def test_files_that_name_no_coder_are_of_different_people(tmp_path: Path) -> None:
    rows = pd.DataFrame({"unit_id": ["u0001", "u0002"], "label": "left"})
    sections = [{"file": f"{folder}/codes.csv", "use": "known"} for folder in ("anna", "ben")]
    found = several(tmp_path, sections, anna__codes=rows, ben__codes=rows.assign(label=["left", "right"]))
    assert labels(found) == {
        ("u0001", "unknown (anna/codes.csv)"): "left",
        ("u0001", "unknown (ben/codes.csv)"): "left",
        ("u0002", "unknown (anna/codes.csv)"): "left",
        ("u0002", "unknown (ben/codes.csv)"): "right",
    }
    for summary in found.summaries():
        assert (summary["units"], summary["coded_by_several"], summary["disagreed"]) == (2, 2, 1)
        assert summary["doubles"] == 0


def test_a_word_that_is_no_code_takes_no_code_away(tmp_path: Path) -> None:
    rows = pd.DataFrame({"unit_id": ["u0001", "u0002"], "label": ["left", "right"]})
    sections = [{"file": f"{name}.csv", "use": "known"} for name in ("anna", "ben")]
    found = several(tmp_path, sections, anna=rows, ben=rows.assign(label=["dunno", "right"]))
    assert set(found.codes["known"].dropna(subset=["label"])["unit_id"]) == {"u0001", "u0002"}
    named = [each.assign(coder="ann") for each in (rows, rows.assign(label=["dunno", "neither"]))]
    found = several(tmp_path, sections, anna=named[0], ben=named[1])
    assert labels(found) == {("u0001", "ann"): "left", ("u0002", "ann"): "neither"}
    assert [each["doubles"] for each in found.summaries()] == [1, 1], "one of each gave way to the other"
    assert [each["coded_by_several"] for each in found.summaries()] == [0, 0]


def test_columns_of_one_table_are_different_people(tmp_path: Path) -> None:
    rows = pd.DataFrame({"unit_id": ["u0001"], "first": "left", "second": "right"})
    sections = [{"file": "wide.csv", "use": "known", "field": field} for field in ("first", "second")]
    assert labels(several(tmp_path, sections, wide=rows)) == {
        ("u0001", "unknown (wide.csv: first)"): "left",
        ("u0001", "unknown (wide.csv: second)"): "right",
    }


def test_within_a_table_a_code_goes_before_none_and_in_an_export_the_newest(tmp_path: Path) -> None:
    rows = pd.DataFrame({"unit_id": "u0001", "coder": "ann", "label": ["left", "dunno"]})
    assert labels(look(tmp_path, rows, "codes.csv")) == {("u0001", "ann"): "left"}
    answers = [annotation(1, "left", number=1), annotation(1, number=2, was_cancelled=True)]
    assert labels(look(tmp_path, [task(1, *answers)])) == {}


def test_codes_in_two_uses_are_seen_to_disagree(tmp_path: Path) -> None:
    rows = pd.DataFrame({"unit_id": ["u0001"], "label": "left"})
    sections = [{"file": "a.csv", "use": "known"}, {"file": "b.csv", "use": "training"}]
    found = several(tmp_path, sections, a=rows, b=rows.assign(label="right"))
    assert [each["disagreed"] for each in found.summaries()] == [1, 1]
    assert labels(found, "training") == {}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    study = read(small_study.write(tmp_path, units(), adopted=[{"file": "no.csv", "use": "training"}]))
    with pytest.raises(StudyError, match=r"no\.csv"):
        adopted(study, corpus.read(study).units)


def test_a_unit_takes_part_in_one_thing_alone(tmp_path: Path) -> None:
    codes = pd.DataFrame({"unit_id": ["u0001", "u0002"], "coder": "ann", "label": "left"})
    codes.to_csv(tmp_path / "a.csv", index=False)
    codes.assign(unit_id=["u0002", "u0003"], label="right").to_csv(tmp_path / "b.csv", index=False)
    sections = [{"file": "b.csv", "use": "training"}, {"file": "a.csv", "use": "known"}]
    study = read(small_study.write(tmp_path, units(), adopted=sections))
    found = adopted(study, corpus.read(study).units)
    assert labels(found, "known") == {("u0001", "ann"): "left", ("u0002", "ann"): "left"}
    assert labels(found, "training") == {("u0003", "ann"): "right"}


def test_sets_of_codes(tmp_path: Path) -> None:
    book = {
        "question": "Which?",
        "type": "multilabel",
        "labels": [{"name": "jobs"}, {"name": "health"}],
    }
    section = {"file": "export.json", "use": "training", "labels": {"Work": "jobs", "-": "none"}}
    tasks = [
        task(1, annotation(1, "health", "Work")),
        task(2, annotation(1, "-")),
        task(3, annotation(1, "Work", "war")),
    ]
    (tmp_path / "export.json").write_text(json.dumps(tasks))
    study = read(
        small_study.write(
            tmp_path, units(), codebook=book, estimands=[{"name": "p", "kind": "mean"}], adopted=[section]
        )
    )
    found = adopted(study, corpus.read(study).units)
    assert labels(found, "training") == {
        ("u0001", "account 1"): "jobs;health",
        ("u0002", "account 1"): "none",
    }
    assert found.summaries()[0]["words"] == {"Work;war": 1}


@pytest.mark.parametrize("name", ["codes.parquet", "codes.jsonl"])
def test_sets_of_codes_stand_in_lists(tmp_path: Path, name: str) -> None:
    book = {"question": "Which?", "type": "multilabel", "labels": [{"name": "jobs"}, {"name": "health"}]}
    rows = pd.DataFrame(
        {"unit_id": ["u0001", "u0002", "u0003"], "coder": "ann", "label": [["jobs"], ["health", "jobs"], []]}
    )
    if name.endswith(".parquet"):
        rows.to_parquet(tmp_path / name)
    else:
        rows.to_json(tmp_path / name, orient="records", lines=True)
    section = {"file": name, "use": "known"}
    estimands = [{"name": "p", "kind": "mean"}]
    study = read(small_study.write(tmp_path, units(), codebook=book, estimands=estimands, adopted=[section]))
    found = adopted(study, corpus.read(study).units)
    assert labels(found) == {("u0001", "ann"): "jobs", ("u0002", "ann"): "jobs;health"}
