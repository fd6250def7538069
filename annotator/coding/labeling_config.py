"""The page a coder sees, made from the codebook: layout, keys and instructions for Label Studio.

Everything that comes from the codebook is text: it is escaped once as HTML where HTML is shown, and once
as XML where it stands in the labelling configuration.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Any

from annotator import label_sets
from annotator.codebook import Code, Codebook
from annotator.coding import number_field
from annotator.coding.form import CANNOT_CODE, Form
from annotator.coding.literal import html, literal, printable
from annotator.coding.material import TEXT
from annotator.coding.number_field import LONGEST_SCALE

CONTROL = "code"
REASON = "reason"
NOTE = "note"
NO_CODE = Code(name=label_sets.NONE, definition="No code applies.", value=None)
_NOTE = {
    "name": NOTE,
    "placeholder": "Note (optional)",
    "rows": "2",
    "maxSubmissions": "1",
    "editable": "true",
    "showSubmitButton": "false",
}
# Label Studio's own order of keys for choices; the letters left out belong to its other commands.
KEYS = "1234567890qwetasdfgzxcvbyiopjklnm"
FIRST_LETTER = 10

# What is to be coded and, beside it, the codes, which stay in sight while a long text scrolls; on a narrow
# screen one under the other. Class names that start with lsf- are Label Studio's: without them the page is
# plainer and still works. The panels that are hidden are for regions of a text, which nobody marks here.
# Label Studio does not decode &gt; here, so no selector may use it.
STYLE = """
.coding { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 0.5rem 1.5rem;
  max-width: 80rem; margin: 0 auto; padding: 0 1rem 2rem; align-items: start; }
.coding .question { grid-column: 1 / -1; }
.coding .question h3 { font-size: 1.25rem; font-weight: 600; line-height: 1.4; overflow-wrap: anywhere; }
.coding .part { border: 1px solid rgba(128, 128, 128, 0.35); border-left: 4px solid #4a6cf7;
  border-radius: 6px; margin-bottom: 0.75rem; }
.coding .part h5 { margin: 0; padding: 0.5rem 1.25rem 0; font-size: 0.9rem; font-weight: 600; opacity: 0.75;
  overflow-wrap: anywhere; }
.coding .part .lsf-richtext__container { padding: 0.75rem 1.25rem; font-size: 1.1rem; line-height: 1.6;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.coding .codes { position: sticky; top: 0; max-height: calc(100vh - 9rem); overflow-y: auto; }
.coding .codes .lsf-choices { margin: 0; }
.coding .codes .lsf-choice { margin: 0; width: 100%; }
.coding .codes .lsf-choice__item { margin: 0; border-radius: 6px; }
.coding .codes .lsf-choice__item:hover { background: rgba(74, 108, 247, 0.10); }
.coding .codes label { display: flex; align-items: flex-start; width: 100%; margin: 0; font-weight: 400;
  padding: 0.4rem 0.5rem; font-size: 1rem; line-height: 1.5; white-space: normal; overflow-wrap: anywhere; }
.coding .codes label span span:has(.lsf-hint) { display: flex; gap: 0.6rem; }
.coding .codes .lsf-hint { order: -1; top: 0; flex: none; min-width: 1.6rem; white-space: nowrap;
  font: 600 0.9rem/1.65 monospace; opacity: 0.85; }
.coding.scale { grid-template-columns: minmax(0, 1fr); }
.coding.scale .codes { position: sticky; bottom: 0; top: auto; max-height: none; padding: 0.25rem 0;
  background: var(--color-neutral-background, inherit); }
.coding.scale .codes .lsf-choices { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; }
.coding.scale .codes .lsf-choice { width: auto; }
.lsf-sidepanels:has(.coding) { padding-right: 0 !important; padding-left: 0 !important; }
.lsf-sidepanels:has(.coding) .lsf-sidepanels__wrapper { display: none; }
@media (max-width: 60rem) {
  .coding { grid-template-columns: minmax(0, 1fr); }
  .coding .codes { position: static; max-height: none; }
}
"""


def labeling_config(form: Form) -> str:
    """The labelling configuration: one text, one question, a key for each answer, room for a note.

    One code is to be chosen, or any number of them, `label_sets.NONE` being a choice of its own then. Codes
    that are steps of a scale stand side by side in their order.
    """
    codebook = form.codebook
    is_scale = codebook.type in {"ordinal", "numeric"} and len(codebook.labels) <= LONGEST_SCALE
    page = ET.Element("View", className="coding scale" if is_scale else "coding")
    ET.SubElement(page, "Style").text = STYLE
    question = ET.SubElement(page, "View", className="question")
    if form.content_warning:
        ET.SubElement(question, "Header", value=literal(form.content_warning), size="5")
    ET.SubElement(question, "Header", value=literal(codebook.question))
    form.material.add_to(page)
    answers = ET.SubElement(page, "View", className="codes")
    if number_field.is_typed(codebook):
        _number_or_reason(answers, form)
    else:
        choice = "multiple" if codebook.is_multilabel else "single-radio"
        codes = ET.SubElement(answers, "Choices", _control(form, CONTROL, choice, is_inline=is_scale))
        codes.attrib.update(required="true", requiredMessage="Choose a code first.")
        for index, code in enumerate(_shown(form)):
            ET.SubElement(codes, "Choice", _choice(code, index))
    if form.note:
        ET.SubElement(answers, "TextArea", {**_NOTE, "toName": form.material.main})
    return ET.tostring(page, encoding="unicode")


def _control(form: Form, name: str, choice: str, *, is_inline: bool = False) -> dict[str, str]:
    inline = "true" if is_inline else "false"
    return {"name": name, "toName": form.material.main, "choice": choice, "showInline": inline}


def _number_or_reason(answers: ET.Element, form: Form) -> None:
    """Neither is required where either will do: the project refuses an answer that is empty."""
    number_field.add_to(
        answers, form.codebook, name=CONTROL, main=form.material.main, is_required=not form.cannot_code
    )
    if form.cannot_code:
        reasons = ET.SubElement(answers, "Choices", _control(form, REASON, "single"))
        for index, code in enumerate(_reasons(form)):
            ET.SubElement(reasons, "Choice", _choice(code, FIRST_LETTER + index))


def _shown(form: Form) -> list[Code]:
    """What there is to choose from.

    That no code applies has to be said, or it would look like an oversight.
    """
    shown = list(form.codebook.labels)
    if form.codebook.is_multilabel:
        shown.append(NO_CODE)
    return [*shown, *_reasons(form)]


def _reasons(form: Form) -> list[Code]:
    return [Code(name=f"{CANNOT_CODE}{reason}", value=None) for reason in form.cannot_code]


def key(index: int) -> str | None:
    """The key of the code at ``index`` in the codebook; none are left after the 33rd.

    >>> key(0), key(9), key(10), key(99)
    ('1', '0', 'q', None)
    """
    return KEYS[index] if index < len(KEYS) else None


def chosen(choices: Sequence[str], codebook: Codebook, main: str = TEXT) -> dict[str, Any]:
    """An answer as Label Studio keeps it; ``main`` is the part of the unit that it is tied to."""
    given: dict[str, Any] = {"from_name": CONTROL, "to_name": main}
    if number_field.is_typed(codebook):
        return {**given, "type": "number", "value": {"number": number_field.number_of(choices[0], codebook)}}
    return {**given, "type": "choices", "value": {"choices": list(choices)}}


def instruction(form: Form) -> str:
    """The codebook as a page of HTML: warning, question, codes, keys, definitions, examples.

    Label Studio drops styles and the indentation of lists, so line breaks are the layout.
    """
    shown = _defined(form) if number_field.is_typed(form.codebook) else enumerate(_shown(form))
    rows = "".join(_instruction_row(code, index) for index, code in shown)
    warning = f"<p><b>{html(form.content_warning)}</b></p>" if form.content_warning else ""
    return f"{warning}<h3>{html(form.codebook.question)}</h3><p>{' '.join(_how_to(form))}</p>{rows}"


def _defined(form: Form) -> Iterator[tuple[int | None, Code]]:
    """What there is to say where a number is typed: the numbers that mean something, and the reasons."""
    for code in form.codebook.labels:
        if code.definition or code.examples:
            yield None, code
    yield from enumerate(_reasons(form), start=FIRST_LETTER)


def _how_to(form: Form) -> Iterator[str]:
    task = "press the key of the <b>one</b> code that fits best"
    if number_field.is_typed(form.codebook):
        task = "press Tab and type the number that fits best"
    elif form.codebook.is_multilabel:
        task = f"press the key of <b>every</b> code that applies, or of <b>{label_sets.NONE}</b>"
    yield f"{form.material.task}, {task}, then <b>Ctrl + Enter</b> (Cmd + Enter on a Mac) to submit."
    alone = f"udge by {form.material.what} alone."
    yield (
        f"Some texts come with the suggestion of a machine, which may be wrong: j{alone}"
        if form.suggests
        else f"J{alone}"
    )
    if form.cannot_code:
        yield "If nobody could code a text, say why with one of the last choices; do not skip it."
    else:
        yield "Skip only a text that nobody could code."
    if form.note:
        yield "After a note press Tab first."
    yield "A code can be changed later: open the text again, correct it and press Update."
    if form.break_after:
        yield f"Please take a break after {form.break_after} minutes."
    if form.daily_limit:
        yield f"Please code at most {form.daily_limit:,} texts a day."


def _choice(code: Code, index: int) -> dict[str, str]:
    # The alias is what an annotation records, whatever the value had to become.
    attributes = {"value": literal(code.name), "alias": printable(code.name), "html": _choice_html(code)}
    if code.examples:
        attributes["hint"] = printable("For example: " + " | ".join(code.examples))
    if (hotkey := key(index)) is not None:
        attributes["hotkey"] = hotkey
    return attributes


def _choice_html(code: Code) -> str:
    name = f"<b>{html(code.name)}</b>"
    return f"{name} <span style='opacity:0.75'>{html(code.definition)}</span>" if code.definition else name


def _instruction_row(code: Code, index: int | None) -> str:
    hotkey = None if index is None else key(index)
    shown = f"<code>[{hotkey}]</code> " if hotkey else ""
    definition = f": {html(code.definition)}" if code.definition else ""
    examples = "".join(f"<br>\N{EN DASH} <i>{html(example)}</i>" for example in code.examples)
    return f"<br><p>{shown}<b>{html(code.name)}</b>{definition}{examples}</p>"
