"""A rating with more steps than there are keys: coders type the number."""

import xml.etree.ElementTree as ET
from itertools import pairwise

from annotator.codebook import Codebook
from annotator.coding.literal import literal

LONGEST_SCALE = 11
"""The steps that stand side by side, each with a key of its own, as on a scale of 0 to 10."""


def is_typed(codebook: Codebook) -> bool:
    """Whether coders type a number: there are many, at even steps, and nothing but numbers.

    >>> from annotator.codebook import Code
    >>> def scale(*steps): return Codebook(question="?", type="numeric",
    ...                                    labels=[Code(name=str(step)) for step in steps])
    >>> is_typed(scale(*range(0, 101, 5))), is_typed(scale(*range(1, 8))), is_typed(scale(*range(12), 50))
    (True, False, False)
    """
    numbers = sorted(codebook.numbers or ())
    if codebook.type != "numeric" or len(numbers) <= LONGEST_SCALE:
        return False
    return max(abs(after - before - _step(numbers)) for before, after in pairwise(numbers)) < 1e-9


def add_to(page: ET.Element, codebook: Codebook, *, name: str, main: str, is_required: bool) -> None:
    """The field with its bounds, and under it the numbers that have a definition."""
    numbers = sorted(codebook.numbers or ())
    low, high, step = (f"{number:.10g}" for number in (numbers[0], numbers[-1], _step(numbers)))
    steps = "" if step == "1" else f", in steps of {step}"
    ET.SubElement(page, "Header", value=f"A number from {low} to {high}{steps}", size="5")
    field = {"name": name, "toName": main, "min": low, "max": high, "step": step}
    required = {"required": "true", "requiredMessage": "Type a number first."} if is_required else {}
    ET.SubElement(page, "Number", {**field, **required})
    for code in codebook.labels:
        if code.definition:
            ET.SubElement(page, "Header", value=literal(f"{code.name}: {code.definition}"), size="6")


def label_of(number: str, codebook: Codebook) -> str:
    """The code that stands for a typed number; the number itself where none does.

    >>> from annotator.codebook import Code
    >>> book = Codebook(question="?", type="numeric", labels=[Code(name="0"), Code(name="50.0")])
    >>> label_of("50", book), label_of("51", book)
    ('50.0', '51')
    """
    values = dict(zip(codebook.numbers or (), codebook.names, strict=False))
    return values.get(float(number), number)


def number_of(label: str, codebook: Codebook) -> float:
    """What would have been typed for a label."""
    return dict(zip(codebook.names, codebook.numbers or (), strict=True))[label]


def _step(numbers: list[float]) -> float:
    return (numbers[-1] - numbers[0]) / (len(numbers) - 1)
