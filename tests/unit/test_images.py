"""Images beside texts: which are shown, how, and what becomes of those that cannot be."""

import base64
import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import small_study
from chat_endpoint import Answer, ChatEndpoint, completion
from PIL import Image

from annotator.advance import advance
from annotator.labeling.faults import Fault
from annotator.labeling.images import LONGEST_SIDE, Images
from annotator.study import Study
from annotator.workspace import Workspace

pytestmark = pytest.mark.usefixtures("no_waiting")


def corpus(images: list[str]) -> pd.DataFrame:
    return small_study.corpus(len(images)).assign(picture=images)


def study(folder: Path, images: list[str], **changes: Any) -> Workspace:
    section = {"path": "corpus.csv", "id": "id", "text": "text", "image": "picture"}
    design = {"rounds": 1, "budget": 1}
    estimands = [{"name": "prevalence", "kind": "mean"}]
    settings = {"corpus": section, "design": design, "estimands": estimands, **changes}
    return Workspace.open(small_study.write(folder, corpus(images), **settings))


def draw(path: Path, size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: Any) -> Path:
    Image.new(mode, size, "red").save(path, **options)
    return path


def opened(url: str | Fault) -> Image.Image:
    assert isinstance(url, str)
    kind, data = url.split(",", 1)
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def shown(folder: Path, place: str, **changes: Any) -> str | Fault:
    return Images(study(folder, [place], **changes).study)(place)


@pytest.mark.parametrize("name", ["a.png", "b.jpg", "c.webp", "d.gif", "e.bmp"])
def test_a_file_beside_the_corpus_is_read(tmp_path: Path, name: str) -> None:
    draw(tmp_path / name)
    picture = opened(shown(tmp_path, name)).convert("RGB")
    assert picture.size == (40, 20)
    red, green, blue = picture.getpixel((20, 10))  # type: ignore[misc]
    assert red > 240
    assert max(green, blue) < 20


def test_a_large_image_is_made_smaller(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", (4000, 1000))
    assert opened(shown(tmp_path, "a.png")).size == (LONGEST_SIDE, LONGEST_SIDE // 4)


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    Image.new("RGBA", (10, 10), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert min(opened(shown(tmp_path, "a.png")).getpixel((5, 5))) > 250  # type: ignore[arg-type, type-var]


def test_where_a_photograph_was_taken_stays_here(tmp_path: Path) -> None:
    details = Image.Exif()
    details[0x0112] = 6  # turned by 90 degrees
    details[0x010F] = "a camera"
    draw(tmp_path / "a.jpg", (40, 20), exif=details)
    picture = opened(shown(tmp_path, "a.jpg"))
    assert picture.size == (20, 40)
    assert not picture.getexif()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere.png", "No such file"),
        ("", "names no image"),
        ("../outside.png", "not in the corpus's folder"),
        ("/etc/hostname", "not in the corpus's folder"),
        ("text.png", "no image that can be read"),
        ("half.png", "no image that can be read"),
        ("folder", "s a directory"),
        ("a\x00b.png", "null"),
    ],
)
def test_what_cannot_be_shown_says_why(tmp_path: Path, place: str, said: str) -> None:
    folder = tmp_path / "study"
    (folder / "folder").mkdir(parents=True)
    draw(tmp_path / "outside.png")
    (folder / "text.png").write_text("not an image")
    whole = draw(folder / "whole.png", (200, 200)).read_bytes()
    (folder / "half.png").write_bytes(whole[: len(whole) // 2])
    found = Images(study(folder, ["whole.png"]).study)(place)
    assert isinstance(found, Fault)
    assert said in found.message


def test_too_many_pixels_are_not_unpacked(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", (10_000, 10_000), "1")
    found = shown(tmp_path, "a.png")
    assert isinstance(found, Fault)
    assert "million pixels" in found.message


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    draw(tmp_path / "outside.png")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "link.png").symlink_to(tmp_path / "outside.png")
    assert isinstance(shown(tmp_path / "study", "link.png"), Fault)


def test_an_address_is_passed_on_unless_texts_stay_here(tmp_path: Path) -> None:
    address = "https://pictures.example/a.png"
    assert shown(tmp_path / "a", address) == address
    assert isinstance(shown(tmp_path / "b", address, privacy="local_only"), Fault)


def test_wildcards_and_addresses_of_corpora(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    known = study(tmp_path, ["a.png"]).study

    def at(path: str) -> Study:
        return known.model_copy(update={"corpus": known.corpus.model_copy(update={"path": path})}).at(
            known.path
        )

    assert isinstance(Images(at("part-*.csv"))("a.png"), str)
    assert isinstance(Images(at("*/part.csv"))("a.png"), str)
    assert isinstance(Images(at("s3://bucket/corpus.csv"))("a.png"), Fault)


def test_images_are_labelled_and_failures_are_rows(tmp_path: Path) -> None:
    def behave(messages: list[dict[str, Any]], _: int) -> Answer:
        picture, text = messages[1]["content"]
        is_red = opened(picture["image_url"]["url"]).convert("RGB").getpixel((1, 1))[0] > 200  # type: ignore[index]
        assert text["text"].startswith("<text>\ntext number")
        return completion("75%" if len(messages) == 4 else "left" if is_red else "right")

    draw(tmp_path / "red.png")
    Image.new("RGB", (40, 20), "blue").save(tmp_path / "blue.png")
    with ChatEndpoint(behave) as endpoint:
        machine = {"name": "seer", "kind": "openai", "model": "m", "base_url": endpoint.base_url}
        workspace = study(tmp_path, ["red.png", "nowhere.png", "blue.png"], machine=[machine])
        advance(workspace)
        advance(workspace)
    rows = workspace.machine_labels("seer")
    assert rows["label"].fillna("-").tolist() == ["left", "-", "right"]
    assert rows["status"].tolist() == ["ok", "error", "ok"]
    assert rows["raw"].iloc[1].startswith("image nowhere.png: No such file")
    assert rows["attempts"].tolist() == [2, 0, 2]


def test_units_with_the_same_text_but_other_images_are_asked_apart(tmp_path: Path) -> None:
    with ChatEndpoint(lambda *_: completion("left")) as endpoint:
        draw(tmp_path / "a.png")
        draw(tmp_path / "b.png", (50, 50))
        machine = {
            "name": "s",
            "kind": "openai",
            "model": "m",
            "base_url": endpoint.base_url,
            "confidence": "none",
        }
        section = {"path": "corpus.csv", "id": "id", "text": "party", "image": "picture"}
        frame = corpus(["a.png", "b.png", "a.png"]).assign(party="same")
        path = small_study.write(
            tmp_path,
            frame,
            corpus=section,
            machine=[machine],
            design={"rounds": 1, "budget": 1},
            estimands=[{"name": "prevalence", "kind": "mean"}],
        )
        workspace = Workspace.open(path)
        advance(workspace)
        advance(workspace)
    assert len(endpoint.requests) == 2
