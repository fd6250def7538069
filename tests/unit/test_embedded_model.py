"""The shipped model's files."""

import pytest

from models import embedded


def test_an_unknown_model_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match="survey"):
        embedded.path("nothing")


def test_it_is_small_enough_to_ship() -> None:
    assert (embedded.path("survey") / "model.safetensors").stat().st_size < 3.5e6
