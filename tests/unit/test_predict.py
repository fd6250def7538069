"""`annotator predict`: part by part, from Parquet to Parquet, never mixing classifiers or texts."""

import classified_study
import pandas as pd
import pytest
from classified_study import corpus

from annotator.classifiers import prediction_job
from annotator.classifiers.predict import begin, predict, predict_parts
from annotator.classifiers.prediction_job import PART
from annotator.classifiers.section import Model
from annotator.classifiers.train import train
from annotator.errors import StudyError


@pytest.fixture(scope="module")
def coded(tmp_path_factory):
    return classified_study.run(tmp_path_factory.mktemp("predicted"))


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of 150 texts."""
    monkeypatch.setattr(prediction_job, "PART", 150)


def parts(folder):
    return [pd.read_parquet(path) for path in sorted(folder.glob("part-*.parquet"))]


def test_another_file_is_predicted_part_by_part(coded, tmp_path):
    folder = train(coded).folder
    frame = pd.concat([corpus()] * 60, ignore_index=True)
    frame["id"] = [f"n{i}" for i in range(len(frame))]
    frame.to_parquet(tmp_path / "new.parquet", row_group_size=7_000)
    found = predict(coded, folder, tmp_path / "new.parquet", tmp_path / "out")
    assert pd.read_parquet(tmp_path / "out").shape == (24_000, 5)
    assert (found.n_texts, found.n_parts) == (24_000, 2)
    parts = [pd.read_parquet(tmp_path / "out" / f"part-{i:05d}.parquet") for i in range(2)]
    assert [len(part) for part in parts] == [PART, 24_000 - PART]
    rows = pd.concat(parts, ignore_index=True)
    assert (rows["id"] == frame["id"]).all()
    assert (rows["prediction"] == frame["human"]).mean() > 0.95
    assert rows.filter(like="probability_").sum(axis=1).to_numpy() == pytest.approx(1.0)
    before = (tmp_path / "out" / "part-00000.parquet").stat().st_mtime_ns
    (tmp_path / "out" / "part-00001.parquet").unlink()
    predict(coded, folder, tmp_path / "new.parquet", tmp_path / "out")
    assert (tmp_path / "out" / "part-00000.parquet").stat().st_mtime_ns == before
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "part-00001.parquet"), parts[1])


def test_many_files_are_parts_of_their_own(coded, tmp_path, small_parts):
    frame = corpus()
    (tmp_path / "new").mkdir()
    frame[:250].to_parquet(tmp_path / "new" / "a.parquet", row_group_size=40)
    frame[250:].to_parquet(tmp_path / "new" / "b.parquet")
    found = predict(coded, train(coded).folder, tmp_path / "new", tmp_path / "out")
    assert [len(part) for part in parts(tmp_path / "out")] == [150, 100, 150]
    assert found.n_parts == 3
    assert pd.concat(parts(tmp_path / "out"))["id"].tolist() == frame["id"].tolist()
    again = predict(coded, train(coded).folder, f"{tmp_path}/new/*.parquet", f"file://{tmp_path}/again")
    assert again.n_texts == 400
    assert pd.concat(parts(tmp_path / "again")).equals(pd.concat(parts(tmp_path / "out")))


def test_texts_without_an_id_are_known_by_their_row(coded, tmp_path, small_parts):
    corpus()[["text"]].to_parquet(tmp_path / "new.parquet")
    predict(coded, train(coded).folder, tmp_path / "new.parquet", tmp_path / "out")
    assert pd.concat(parts(tmp_path / "out"))["row"].tolist() == list(range(400))


def test_an_id_of_digits_and_a_text_of_lines_survive_csv(coded, tmp_path):
    rows = {"id": ["007", "008"], "text": ['weather,\n"football"', "tax the rich"]}
    pd.DataFrame(rows).to_csv(tmp_path / "new.csv", index=False)
    predict(coded, train(coded).folder, tmp_path / "new.csv", tmp_path / "out")
    [found] = parts(tmp_path / "out")
    assert found["id"].tolist() == ["007", "008"]
    assert found["prediction"].tolist() == ["neither", "left"]


def test_empty_and_missing_texts_are_texts(coded, tmp_path):
    pd.DataFrame({"id": ["a", "b", "c"], "text": ["", None, "  "]}).to_parquet(tmp_path / "new.parquet")
    predict(coded, train(coded).folder, tmp_path / "new.parquet", tmp_path / "out")
    [found] = parts(tmp_path / "out")
    assert found["prediction"].isin(["left", "right", "neither"]).all()
    assert found.filter(like="probability_").drop_duplicates().shape[0] == 1


def test_parts_of_another_classifier_or_of_other_texts_are_not_mixed(coded, tmp_path):
    frame, out = corpus(), tmp_path / "out"
    frame.to_parquet(tmp_path / "new.parquet")
    predict(coded, train(coded).folder, tmp_path / "new.parquet", out)
    other = train(coded, Model(kind="majority")).folder
    with pytest.raises(StudyError, match="by another classifier, or of other texts"):
        predict(coded, other, tmp_path / "new.parquet", out)
    frame.assign(text="weather").to_parquet(tmp_path / "new.parquet")
    with pytest.raises(StudyError, match="by another classifier, or of other texts"):
        predict(coded, train(coded).folder, tmp_path / "new.parquet", out)


def test_a_bundle_given_out_twice_costs_nothing(coded, tmp_path, small_parts):
    corpus().to_parquet(tmp_path / "new.parquet")
    model, out = train(coded).folder, str(tmp_path / "out")
    assert begin(coded, model, tmp_path / "new.parquet", out) == [0, 1, 2]
    told = []
    assert predict_parts(coded, model, out, [2], lambda *said: told.append(said)) == 1
    assert told == [(0, 1, "predicting 400 texts"), (1, 1, "predicting 400 texts")]
    assert predict_parts(coded, model, out, [1, 2]) == 1
    assert begin(coded, model, tmp_path / "new.parquet", out) == [0]


def test_a_checkpoint_of_another_study_is_refused(coded, tmp_path):
    other = classified_study.run(tmp_path / "other", seed=6)
    with pytest.raises(StudyError, match="belongs to another study"):
        predict(coded, train(other).folder, coded.study.folder / "corpus.csv", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_texts_that_cannot_be_read_are_named(coded, tmp_path):
    model = train(coded).folder
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    pd.DataFrame({"words": ["a"]}).to_parquet(tmp_path / "other.parquet")
    pd.DataFrame({"text": pd.Series([], dtype="str")}).to_parquet(tmp_path / "empty.parquet")
    for name, said in {
        "broken.parquet": "cannot be read",
        "other.parquet": "has no column 'text'",
        "empty.parquet": "holds no text",
        "*.json": "there is no such file",
    }.items():
        with pytest.raises(StudyError, match=said):
            predict(coded, model, tmp_path / name, tmp_path / "out")
