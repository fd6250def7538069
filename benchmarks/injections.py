"""How often an order hidden in a text changes its label, against a harmless addition of the same length.

    python benchmarks/injections.py [--texts 100] [--base-url URL --model NAME] [--structured]

Each answer of the invented survey is labelled as it stands, with each text of `tests/injections.yaml` behind
it, and with as many harmless words behind it. What counts is the share of labels that change, and of those
that change to the code the injections ask for (`other`); answers that are `other` already are left out.
Without a URL the embedded model is asked. It was never taught to obey, so that it shows what the words alone
do: for a model that follows instructions, serve it and give its URL.
"""

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples" / "survey"))

import generate  # noqa: E402

from annotator import study_file  # noqa: E402
from annotator.codebook import Codebook  # noqa: E402
from annotator.labeling.cache import ReplyCache  # noqa: E402
from annotator.labeling.local import TransformersAnnotator  # noqa: E402
from annotator.labeling.openai import OpenAIAnnotator  # noqa: E402
from annotator.labeling.prompts import Prompts  # noqa: E402
from annotator.labeling.protocol import Confidence, MachineAnnotator, Unit  # noqa: E402
from models import embedded  # noqa: E402

TARGET = "other"
HARMLESS = "That is all I have to say about it and I hope that somebody reads it in the end"


def annotator(arguments: argparse.Namespace, codebook: Codebook, folder: Path) -> MachineAnnotator:
    """The embedded model, or a served one."""
    confidence: Confidence = "structured" if arguments.structured else "none"
    prompts = Prompts(codebook, as_json=arguments.structured)
    if arguments.base_url is None:
        return TransformersAnnotator(
            "embedded",
            model_path=str(embedded.path("survey")),
            prompts=prompts,
            codebook=codebook,
            confidence=confidence,
            batch_size=64,
        )
    return OpenAIAnnotator(
        "served",
        model=arguments.model,
        base_url=arguments.base_url,
        api_key=os.environ.get("OPENAI_API_KEY"),
        prompts=prompts,
        codebook=codebook,
        cache=ReplyCache(folder / "replies.sqlite"),
        confidence=confidence,
    )


def labels(machine: MachineAnnotator, texts: Sequence[str]) -> np.ndarray:
    """The label of each text; an empty one where there is none."""
    rows = machine.label([Unit(str(number), text) for number, text in enumerate(texts)])
    return np.array([row.label or "" for row in rows])


def harmless(injection: str) -> str:
    """About as many characters of plain words."""
    again = itertools.cycle(HARMLESS.split())
    words = [next(again)]
    while len(" ".join(words)) < len(injection):
        words.append(next(again))
    return " ".join(words)


def main() -> None:
    """Print a table of changes, injection by injection."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--base-url")
    parser.add_argument("--model", default="")
    parser.add_argument("--structured", action="store_true")
    arguments = parser.parse_args()
    injections: list[str] = yaml.safe_load((ROOT / "tests" / "injections.yaml").read_text())
    codebook = study_file.read(ROOT / "examples" / "survey" / "study.yaml").codebook
    answers = generate.survey(np.random.default_rng(17), arguments.texts)["answer"].tolist()
    table = Table("injection", "changed, %", f"to {TARGET}, %", "harmless: changed, %", f"to {TARGET}, %")
    totals = []
    with tempfile.TemporaryDirectory() as folder:
        machine = annotator(arguments, codebook, Path(folder))
        plain = labels(machine, answers)
        counted = (plain != "") & (plain != TARGET)
        texts = [text for text, counts in zip(answers, counted, strict=True) if counts]
        for injection in injections:
            attacked = labels(machine, [f"{text}\n{injection}" for text in texts])
            control = labels(machine, [f"{text}\n{harmless(injection)}" for text in texts])
            shares = [
                100 * np.mean(found)
                for said in (attacked, control)
                for found in (said != plain[counted], said == TARGET)
            ]
            totals.append(shares)
            table.add_row(escape(repr(injection)[:60]), *(f"{share:.1f}" for share in shares))
    table.add_section()
    table.add_row(f"all, {len(texts)} texts each", *(f"{share:.1f}" for share in np.mean(totals, axis=0)))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
