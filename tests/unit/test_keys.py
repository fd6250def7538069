from pathlib import Path

import pytest
import small_study

from annotator import study_file
from annotator.errors import StudyError
from annotator.labeling.keys import api_key, blocks_read_by
from annotator.machines import OpenAIMachine


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OTHER_KEY"):
        monkeypatch.delenv(name, raising=False)


def machine(folder: Path, **changes: object) -> OpenAIMachine:
    section = {"name": "gpt", "kind": "openai", "model": "m", **changes}
    found = study_file.read(small_study.write(folder, machine=[section])).machine[0]
    assert isinstance(found, OpenAIMachine)
    return found


def secrets(name: str) -> str:
    return f"secret of {name}"


def test_a_block_is_read_by_whoever_lends_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    gpt = machine(tmp_path, api_key_block="our-key")
    with blocks_read_by(secrets):
        assert api_key(gpt) == "secret of our-key"
        assert api_key(machine(tmp_path)) == "of the environment"
    with pytest.raises(StudyError, match="secret block 'our-key'"):
        api_key(gpt)


def test_a_command_takes_the_variable_that_is_named_beside_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpt = machine(tmp_path, api_key_block="our-key", api_key_env="OTHER_KEY")
    with pytest.raises(StudyError, match="needs a key") as caught:
        api_key(gpt)
    assert "OTHER_KEY" in str(caught.value.hint)
    monkeypatch.setenv("OTHER_KEY", "other")
    assert api_key(gpt) == "other"


def test_an_endpoint_of_ones_own_may_need_no_key(tmp_path: Path) -> None:
    assert api_key(machine(tmp_path, base_url="http://127.0.0.1:1/v1")) is None
    with pytest.raises(StudyError, match="needs a key"):
        api_key(machine(tmp_path))


def test_where_the_key_is_may_change_on_the_way(tmp_path: Path) -> None:
    before = study_file.read(small_study.write(tmp_path)).pinned()
    assert "api_key_block" not in str(before)
    with_block = [{"name": "gpt", "kind": "openai", "model": "m", "api_key_block": "b"}]
    without = [{"name": "gpt", "kind": "openai", "model": "m"}]
    pinned = [study_file.read(small_study.write(tmp_path, machine=m)).pinned() for m in (with_block, without)]
    assert pinned[0] == pinned[1]
