"""A study whose machine annotator is asked by batches, and what brings it forward."""

from pathlib import Path
from typing import Any

import small_study
from batch_provider import BatchProvider
from chat_endpoint import Answer, completion

from annotator.advance import Outcome, advance
from annotator.state import next_step
from annotator.workspace import Workspace

N_UNITS = 1200


def answers(messages: list[dict[str, str]], _: int = 1) -> Answer:
    """A label and a confidence that depend on the text alone; says nothing of use to some."""
    number = int(messages[1]["content"].split("text number ")[1].split()[0])
    if len(messages) > 2:
        return completion(str(50 + number % 50))
    return completion(["left", "right", "neither", "no idea"][number % 4])


def study(folder: Path, base_url: str, batch: object = True, n_units: int = N_UNITS, **machine: Any) -> Path:
    section = {"name": "remote", "kind": "openai", "model": "m", "base_url": base_url, "canary": 0}
    prices = {"price_in": 100.0, "price_out": 100.0, "attempts": 2}
    path = small_study.write(
        folder, small_study.corpus(n_units), machine=[{**section, **prices, "batch": batch, **machine}]
    )
    advance(Workspace.open(path))
    return path


def tick(path: Path) -> Outcome:
    return advance(Workspace.open(path))


def label(path: Path, provider: BatchProvider, most: int = 20) -> Workspace:
    """Tick and let the provider work, in turns, until all is labelled."""
    for _ in range(most):
        if next_step(Workspace.open(path)).stage != "label":
            return Workspace.open(path)
        tick(path)
        provider.work()
    raise AssertionError("never labelled")
