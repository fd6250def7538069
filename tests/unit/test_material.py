"""What coders are shown of a unit: each part once, nothing else, and an image that can be seen."""

import base64
import xml.etree.ElementTree as ET
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_study
from chat_endpoint import ChatEndpoint, completion
from local_server import serving
from PIL import Image

from annotator import study_file
from annotator.advance import advance
from annotator.check import check
from annotator.codebook import Code, Codebook
from annotator.coding.build import build
from annotator.coding.form import Form
from annotator.coding.images import fetched
from annotator.coding.label_studio import LabelStudio
from annotator.coding.labeling_config import instruction, labeling_config
from annotator.coding.material import Material
from annotator.coding.protocol import Task
from annotator.errors import CorpusError, ServiceError, StudyError
from annotator.labeling.faults import Fault
from annotator.labeling.fence import joined
from annotator.labeling.images import Images, UnreadableError
from annotator.stages.ingest import ingest
from annotator.stages.send import planned_tasks
from annotator.workspace import Workspace

BOOK = Codebook(question="?", labels=[Code(name="a"), Code(name="b")])
COLUMNS = ("claim $1", "reply")
PAIR = ("It is <b>wet</b>.\n\nreply to all: yes", "No.")
SEEN = "data:image/jpeg;base64,AAAA"
LABEL_STUDIO = {"kind": "label_studio", "url": "http://127.0.0.1:1"}


def page(material: Material) -> ET.Element:
    return ET.fromstring(labeling_config(Form(BOOK, note=True, material=material)))


@pytest.mark.parametrize(
    ("material", "names", "asked"),
    [
        (Material(), ["text"], "Read the text, "),
        (Material(COLUMNS), ["text", "text_2"], "Read both texts, "),
        (Material(images=lambda _: SEEN), ["image", "text"], "Look at the image and read the text, "),
        (Material((), lambda _: SEEN), ["image"], "Look at the image, "),
        (Material(COLUMNS, lambda _: SEEN), ["image", "text", "text_2"], "Look at the image and read both"),
    ],
)
def test_each_part_is_on_the_page_and_in_the_task(material: Material, names: list[str], asked: str) -> None:
    shown = [part for part in page(material).iter() if part.tag in {"Text", "Image"}]
    assert [part.get("name") for part in shown] == names
    assert [part.get("value") for part in shown] == [f"${name}" for name in names]
    assert set(material.fields(Task("u", joined(PAIR, COLUMNS), image="a.png"))) == set(names)
    assert {control.get("toName") for control in page(material).iter() if control.get("toName")} == {
        material.main
    }
    assert material.main in names
    assert asked in instruction(Form(BOOK, material=material))


def test_a_pair_is_taken_apart_and_named_by_its_columns() -> None:
    material = Material(COLUMNS)
    assert material.fields(Task("u", joined(PAIR, COLUMNS))) == {"text": PAIR[0], "text_2": PAIR[1]}
    headings = [
        header.get("value") for header in page(material).findall(".//View[@className='unit']//Header")
    ]
    assert headings == ["claim $\N{WORD JOINER}1", "reply"]


def test_a_pair_that_can_be_read_in_two_ways_stays_in_one_piece() -> None:
    text = joined((PAIR[0], "No.\n\nreply: again"), COLUMNS)
    assert Material(COLUMNS).fields(Task("u", text)) == {"text": text, "text_2": ""}


def test_an_image_that_cannot_be_shown_names_its_unit() -> None:
    material = Material(images=lambda place: Fault("refused", f"image {place}: broken"))
    with pytest.raises(CorpusError, match=r"unit 'u7' cannot be shown to coders: image a\.png: broken"):
        material.fields(Task("u7", "x", image="a.png"))


def test_a_page_that_leaves_a_part_out_is_refused() -> None:
    both, one = (labeling_config(Form(BOOK, material=Material(columns))) for columns in (COLUMNS, ("text",)))
    Material(COLUMNS).refuse_other_page(both)
    with pytest.raises(ServiceError, match=r"does not show \$text_2"):
        Material(COLUMNS).refuse_other_page(one)


def test_images_are_imported_in_lots_and_texts_at_once() -> None:
    tasks = [Task(str(number), "x") for number in range(120)]
    assert [len(lot) for lot in Material().lots(tasks)] == [120]
    lots = list(Material(images=lambda _: SEEN).lots(tasks))
    assert max(map(len, lots)) <= 50
    assert [task for lot in lots for task in lot] == tasks


def images_study(folder: Path, names: list[str], *, text: str | None = "text", **changes: Any) -> Path:
    frame = small_study.corpus(len(names)).assign(picture=names)
    section = {"path": "corpus.csv", "id": "id", "image": "picture", **({"text": text} if text else {})}
    settings = {
        "corpus": section,
        "coding": LABEL_STUDIO,
        "design": {"rounds": 1, "budget": 2},
        "estimands": [{"name": "prevalence", "kind": "mean"}],
    }
    return small_study.write(folder, frame, **{**settings, **changes})


def opened(path: Path) -> Workspace:
    workspace = Workspace.open(path)
    while advance(workspace).step.stage != "open_round":
        pass
    return workspace


def draw(path: Path) -> None:
    Image.new("RGB", (40, 20), "red").save(path)


def test_missing_images_are_named_before_anything_is_written(tmp_path: Path) -> None:
    path = images_study(tmp_path, ["a.png", "gone.png", "", "a.png"])
    draw(tmp_path / "a.png")
    said = (
        r"2 of 4 units cannot be shown to coders: unit 'u0001': image gone\.png: No such file.*unit 'u0002'"
    )
    with pytest.raises(CorpusError, match=said):
        ingest(Workspace.open(path))
    finding = next(found for found in check(Workspace.open(path)) if found.what == "corpus")
    assert "'u0001'" in finding.detail
    assert not (tmp_path / "out" / "corpus.parquet").exists()


def test_an_address_elsewhere_is_refused_where_texts_stay_here(tmp_path: Path) -> None:
    names = ["https://pictures.example/a.png"] * 3
    ingest(Workspace.open(images_study(tmp_path / "open", names)))
    with pytest.raises(CorpusError, match="local_only"):
        ingest(Workspace.open(images_study(tmp_path / "closed", names, privacy="local_only")))


def test_replayed_codes_need_no_image_that_can_be_seen(tmp_path: Path) -> None:
    replay = {"kind": "replay", "column": "human"}
    assert ingest(Workspace.open(images_study(tmp_path, ["gone.png"] * 3, coding=replay))) == "3 units read"


def test_a_drawn_unit_goes_to_label_studio_with_its_image_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "f" * 40)
    draw(tmp_path / "a.png")
    with ChatEndpoint(lambda *_: completion("left")) as endpoint:
        machine = {"name": "m", "kind": "openai", "model": "m", "base_url": endpoint.base_url}
        path = images_study(tmp_path, ["a.png"] * 5, text=None, machine=[{**machine, "confidence": "none"}])
        workspace = opened(path)
    assert workspace.units["text"].unique().tolist() == [""]
    assert workspace.machine_labels("m")["label"].tolist() == ["left"] * 5
    tasks = planned_tasks(workspace, 1)
    assert [task.image for task in tasks] == ["a.png", "a.png"]
    service = build(workspace)
    assert isinstance(service, LabelStudio)
    fields = service._form.material.fields(tasks[0])
    assert list(fields) == ["image"]
    kind, data = fields["image"].split(",")
    assert kind == "data:image/jpeg;base64"
    assert base64.b64decode(data).startswith(b"\xff\xd8")


def test_units_that_are_images_alone_are_known_by_the_place_of_the_image(tmp_path: Path) -> None:
    section = {"path": "corpus.csv", "image": "picture"}
    replay = {"coding": {"kind": "replay", "column": "human"}}
    first = Workspace.open(images_study(tmp_path, ["a.png", "b.png"], corpus=section, **replay))
    ingest(first)
    (tmp_path / "again").mkdir()
    second = Workspace.open(images_study(tmp_path / "again", ["b.png", "a.png"], corpus=section, **replay))
    ingest(second)
    assert first.units["unit_id"].tolist() == second.units["unit_id"].tolist()[::-1]
    assert first.units["unit_id"].is_unique


def test_what_reads_texts_is_refused_where_there_are_none(tmp_path: Path) -> None:
    reader = {"name": "mood", "kind": "transformers", "model": "x"}
    for changes, said in (
        ({"machine": [reader]}, "'mood' reads texts"),
        ({"model": {"kind": "tfidf_logistic"}}, "`model` is trained on texts"),
    ):
        with pytest.raises(StudyError, match=said):
            study_file.read(images_study(tmp_path, ["a.png"], text=None, **changes))


def test_a_unit_needs_a_text_or_an_image(tmp_path: Path) -> None:
    path = small_study.write(tmp_path, corpus={"path": "corpus.csv"})
    with pytest.raises(StudyError, match=r"corpus\.text: this key is missing"):
        study_file.read(path)


def shares(path: Path) -> pd.Series:
    return pd.Series({task.unit_id: task.overlap for task in planned_tasks(opened(path), 1)})


def test_a_number_is_a_share_for_two_and_more_coders_code_the_same_units(tmp_path: Path) -> None:
    two = shares(small_study.write(tmp_path / "two", coding={**LABEL_STUDIO, "overlap": 0.2}))
    overlap = {"share": 0.2, "coders": 3}
    three = shares(small_study.write(tmp_path / "three", coding={**LABEL_STUDIO, "overlap": overlap}))
    assert two.value_counts().to_dict() == {1: 16, 2: 4}
    assert three.value_counts().to_dict() == {1: 16, 3: 4}
    assert two.index[two > 1].tolist() == three.index[three > 1].tolist()
    one = shares(small_study.write(tmp_path / "one", coding={**LABEL_STUDIO, "overlap": 0}))
    assert one.index.tolist() == two.index.tolist()


@pytest.mark.parametrize(
    ("overlap", "said"),
    [
        ("often", "expected a share such as 0.15"),
        (True, "expected a share such as 0.15"),
        ({"share": 0.2, "coders": 1}, "overlap.coders: expected greater than or equal to 2"),
        ({"coders": 3}, "overlap.share: this key is missing"),
        ({"share": 0.1, "coder": 3}, "did you mean 'coders'"),
    ],
)
def test_a_wrong_overlap_is_explained(tmp_path: Path, overlap: object, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        study_file.read(small_study.write(tmp_path, coding={**LABEL_STUDIO, "overlap": overlap}))
    assert said in str(caught.value)


def test_what_is_at_an_address_is_fetched_for_coders(tmp_path: Path) -> None:
    draw(tmp_path / "red.png")
    (tmp_path / "page.html").write_text("no image")
    images = Images(study_file.read(images_study(tmp_path, ["x"])), fetched)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with serving(handler) as there:
        found = [images(f"{there}/{name}") for name in ("red.png", "gone.png", "page.html")]
    assert str(found[0]).startswith("data:image/jpeg;base64,")
    messages = [fault.message for fault in found[1:] if isinstance(fault, Fault)]
    assert messages[0].endswith("gone.png: HTTP 404")
    assert "no image that can be read" in messages[1]
    with pytest.raises(UnreadableError, match="cannot be fetched"):
        fetched(f"{there}/red.png")
