"""Every mistake in a study file is named with its line, its key and what was expected."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from annotator import study_file, templates
from annotator.errors import StudyError

MINIMAL: dict[str, Any] = {
    "name": "tiny",
    "corpus": {"path": "corpus.csv", "id": "id", "text": "text", "covariates": ["party"]},
    "codebook": {"question": "Is it polite?", "labels": [{"name": "yes"}, {"name": "no"}]},
    "machine": [{"name": "old", "kind": "replay", "label": "machine", "confidence": "confidence"}],
    "coding": {"kind": "replay", "column": "human"},
    "design": {"rounds": 2, "budget": 10},
    "estimands": [
        {"name": "prevalence", "kind": "mean"},
        {"name": "by_party", "kind": "mean", "by": "party"},
    ],
}


def write(tmp_path: Path, data: object) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False) if not isinstance(data, str) else data)
    return path


def changed(place: tuple[str | int, ...], value: object) -> dict[str, Any]:
    data: Any = yaml.safe_load(yaml.safe_dump(MINIMAL))
    section = data
    for part in place[:-1]:
        section = section[part]
    if value is None:
        del section[place[-1]]
    else:
        section[place[-1]] = value
    return dict(data)


@pytest.mark.parametrize("name", templates.NAMES)
def test_templates_are_valid_studies(name: str, tmp_path: Path) -> None:
    assert study_file.read(write(tmp_path, templates.text(name))).design.budget > 0


def test_minimal_study_reads(tmp_path: Path) -> None:
    study = study_file.read(write(tmp_path, MINIMAL))
    assert study.codebook.names == ("yes", "no")
    assert study.locate("a.csv") == str(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "place",
    [
        ("name",),
        ("corpus",),
        ("corpus", "path"),
        ("corpus", "text"),
        ("codebook",),
        ("codebook", "question"),
        ("codebook", "labels"),
        ("codebook", "labels", 0, "name"),
        ("machine",),
        ("machine", 0, "name"),
        ("machine", 0, "label"),
        ("coding",),
        ("coding", "column"),
        ("design",),
        ("design", "budget"),
        ("estimands", 0, "name"),
    ],
)
def test_missing_key_is_named_with_its_place(tmp_path: Path, place: tuple[str | int, ...]) -> None:
    path = write(tmp_path, changed(place, None))
    with pytest.raises(StudyError) as caught:
        study_file.read(path)
    message = str(caught.value)
    assert f"{'.'.join(str(p) for p in place)}: this key is missing" in message
    assert f"{path}, line " in message


@pytest.mark.parametrize("place", [("machine", 0, "kind"), ("coding", "kind"), ("estimands", 0, "kind")])
def test_missing_kind_is_named(tmp_path: Path, place: tuple[str | int, ...]) -> None:
    with pytest.raises(StudyError, match=r"kind.*missing"):
        study_file.read(write(tmp_path, changed(place, None)))


@pytest.mark.parametrize(
    ("place", "misspelt", "meant"),
    [
        (("naem",), "x", "name"),
        (("corpus", "txt"), "x", "text"),
        (("codebook", "questoin"), "x", "question"),
        (("codebook", "labels", 1, "defintion"), "x", "definition"),
        (("machine", 0, "lable"), "x", "label"),
        (("coding", "colum"), "x", "column"),
        (("design", "budgte"), 3, "budget"),
        (("estimands", 1, "yb"), "party", "by"),
        (("confidence_levle",), 0.9, "confidence_level"),
    ],
)
def test_misspelt_key_suggests_the_right_one(
    tmp_path: Path, place: tuple[str | int, ...], misspelt: object, meant: str
) -> None:
    path = write(tmp_path, changed(place, misspelt))
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if f"{place[-1]}:" in text)
    with pytest.raises(StudyError) as caught:
        study_file.read(path)
    assert f"line {line}, {'.'.join(map(str, place))}: unknown key; did you mean '{meant}'?" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("name",), "two words", "expected a short name"),
        (("corpus", "id"), 5, "expected text"),
        (("corpus", "covariates"), "party", "expected a list"),
        (("corpus", "covariates"), ["text"], "may not be called text"),
        (("codebook", "type"), "numeric", "name the code 'yes' by one, or give it a `value`"),
        (
            ("codebook", "type"),
            "binary!",
            "expected 'binary', 'categorical', 'ordinal', 'numeric' or 'multilabel'",
        ),
        (("codebook", "labels"), [{"name": "one"}], "at least 2"),
        (("codebook", "labels"), [{"name": "a"}, {"name": "A"}], "given twice: a"),
        (("machine",), [], "at least 1"),
        (("machine", 0, "kind"), "magic", "kind 'magic' is none of"),
        (("coding",), {"kind": "label_studio", "blind": False, "anchoring": 0.2}, "leave `blind` true"),
        (("coding",), {"kind": "label_studio", "overlap": 2}, "less than or equal to 1"),
        (("design", "budget"), "many", "expected a whole number"),
        (("design", "budget"), 1, "cannot fill 2 rounds"),
        (("design", "rounds"), 0, "greater than or equal to 1"),
        (("design", "rounds"), True, "expected a whole number"),
        (
            ("design", "stop"),
            {"half_width": 0.1, "estimand": "nothing"},
            "design.stop.estimand: 'nothing' is not among the estimands",
        ),
        (("estimands", 1, "by"), "age", "estimands.1: estimand 'by_party' names 'age', which is not among"),
        (("estimands", 1, "name"), "prevalence", "estimands: estimands need names of their own"),
        (("population",), "world", "expected 'corpus' or 'superpopulation'"),
        (("confidence_level",), 95, "less than or equal to 0.999"),
        (("privacy",), "none", "expected 'local_only'"),
        (("seed",), -1, "greater than or equal to 0"),
        (("output",), 7, "expected text"),
    ],
)
def test_wrong_value_says_what_was_expected(
    tmp_path: Path, place: tuple[str | int, ...], value: object, expected: str
) -> None:
    with pytest.raises(StudyError) as caught:
        study_file.read(write(tmp_path, changed(place, value)))
    assert expected in str(caught.value)


def test_all_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    data = changed(("design", "budget"), "many")
    del data["name"]
    with pytest.raises(StudyError) as caught:
        study_file.read(write(tmp_path, data))
    assert len(str(caught.value).splitlines()) == 2


def test_key_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="line 2: the key 'name' is given twice"):
        study_file.read(write(tmp_path, "name: a\nname: b\n"))


@pytest.mark.parametrize(
    "text", ["name: [a", "name: a\n  b: c", "\tname: a", "name: *nobody", "a: !!python/object:os.x 1"]
)
def test_broken_yaml_names_the_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(StudyError, match="not valid YAML"):
        study_file.read(write(tmp_path, text))


@pytest.mark.parametrize("text", ["", "[]", "just words", "3"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(StudyError, match="a mapping of keys"):
        study_file.read(write(tmp_path, text))


def test_absent_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="there is no study file"):
        study_file.read(tmp_path / "none.yaml")
    with pytest.raises(StudyError, match="is a folder"):
        study_file.read(tmp_path)


def test_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(StudyError, match="not UTF-8"):
        study_file.read(path)


def test_yes_and_no_stay_words(tmp_path: Path) -> None:
    text = yaml.safe_dump(MINIMAL).replace("'yes'", "yes").replace("'no'", "no")
    assert study_file.read(write(tmp_path, text)).codebook.names == ("yes", "no")


@pytest.mark.parametrize("name", ["true", "false"])
def test_a_code_that_breaks_the_coders_page_is_refused_where_people_code_on_it(
    tmp_path: Path, name: str
) -> None:
    data = changed(("codebook", "labels", 1, "name"), name)
    path = write(tmp_path, data)
    assert study_file.read(path).codebook.names == ("yes", name)
    data["coding"] = {"kind": "label_studio"}
    with pytest.raises(StudyError, match="call it yes or no") as caught:
        study_file.read(write(tmp_path, data))
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if f"name: '{name}'" in text)
    assert f"line {line}, codebook.labels.1.name: " in str(caught.value)
    data["codebook"]["labels"][1]["name"] = name.capitalize()
    assert study_file.read(write(tmp_path, data)).codebook.names == ("yes", name.capitalize())


def test_a_code_that_yaml_reads_as_a_boolean_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, changed(("codebook", "labels", 1, "name"), True))
    with pytest.raises(StudyError, match=r"codebook\.labels\.1\.name: expected text .*true or false"):
        study_file.read(path)


@pytest.mark.parametrize("name", ["cannot code: garbled", "Cannot code: garbled"])
def test_a_code_that_reads_as_a_reason_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, changed(("codebook", "labels", 0, "name"), name))
    with pytest.raises(
        StudyError, match=r"codebook\.labels\.0\.name: no code may start with 'cannot code: '"
    ):
        study_file.read(path)
