"""The page a coder sees, made from the codebook: layout, keys and instructions for Label Studio.

Everything that comes from the codebook is text: it is escaped once as HTML where HTML is shown, and once
as XML where it stands in the labelling configuration.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from itertools import starmap
from typing import Any

from annotator import label_sets
from annotator.codebook import Code, Codebook
from annotator.coding import adjudication_page
from annotator.coding.form import CANNOT_CODE, Form
from annotator.coding.literal import html, literal, printable
from annotator.coding.material import TEXT

CONTROL = "code"
NOTE = "note"
LONGEST_SCALE = 11
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
DIGITS, LETTERS = "1234567890", "qwetasdfgzxcvbyiopjklnm"
KEYS = DIGITS + LETTERS

# What is to be coded and, beside it, the codes, which stay in sight while a long text scrolls; on a narrow
# screen one under the other. Class names that start with lsf- are Label Studio's: without them the page is
# plainer and still works. The panels that are hidden are for regions of a text, which nobody marks here.
# Label Studio does not decode &gt; here, so no selector may use it. Each line of a text reads from the side
# that its first letter asks for, whatever the language of the page.
STYLE = """
.coding { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 0.5rem 1.5rem;
  max-width: 80rem; margin: 0 auto; padding: 0 1rem 2rem; align-items: start; }
.coding .question { grid-column: 1 / -1; }
.coding .question h3 { font-size: 1.25rem; font-weight: 600; line-height: 1.4; overflow-wrap: anywhere; }
.coding .part { border: 1px solid rgba(128, 128, 128, 0.35); border-left: 4px solid #4a6cf7;
  border-radius: 6px; margin-bottom: 0.75rem; }
.coding .part h4 { margin: 0 !important; padding: 0.5rem 1.75rem 0; font-size: 0.95rem; font-weight: 600;
  opacity: 0.75; overflow-wrap: anywhere; }
.coding .part .lsf-richtext__container { padding: 0.75rem 1.25rem; font-size: 1.1rem; line-height: 1.6;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.coding h3, .coding h4, .coding h5, .coding .lsf-richtext__container, .coding .lsf-richtext__line,
.coding .codes label span span, .coding textarea { unicode-bidi: plaintext; text-align: start; }
.coding .lsf-richtext__line { min-width: 100%; }
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
.coding.scale .codes h4 { margin: 0 0.5rem !important; font-size: 1rem; font-weight: 400; }
.coding.scale.long .codes { max-height: 45vh; }
.coding.scale.long .codes .lsf-choices { display: grid; gap: 0.1rem;
  grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); }
.coding.scale.long .codes .lsf-choice:has(input[name^="cannot code"]) { grid-column: 1 / -1; }
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
    that are steps of a scale stand side by side in their order, and in rows where the scale is a long one.
    """
    codebook = form.codebook
    is_long = codebook.type == "numeric" and len(codebook.labels) > LONGEST_SCALE
    is_scale = codebook.type in {"ordinal", "numeric"} and len(codebook.labels) <= LONGEST_SCALE
    layout = " scale long" if is_long else " scale" if is_scale else ""
    page = ET.Element("View", className=f"coding{layout}")
    ET.SubElement(page, "Style").text = STYLE + (adjudication_page.STYLE if form.adjudicates else "")
    question = ET.SubElement(page, "View", className="question")
    if form.content_warning:
        ET.SubElement(question, "Header", value=literal(form.content_warning), size="5")
    ET.SubElement(question, "Header", value=literal(codebook.question))
    form.material.add_to(page)
    answers = ET.SubElement(page, "View", className="codes")
    if form.adjudicates:
        adjudication_page.add_given(answers)
    if is_long:
        ET.SubElement(answers, "Header", value=literal(_legend(codebook)), size="5")
    codes = ET.SubElement(
        answers,
        "Choices",
        name=CONTROL,
        toName=form.material.main,
        choice="multiple" if codebook.is_multilabel else "single-radio",
        showInline="true" if layout else "false",
        required="true",
        requiredMessage="Choose a code first.",
    )
    for code, hotkey in zip(_shown(form), keys(form), strict=True):
        ET.SubElement(codes, "Choice", _choice(code, hotkey, is_bare=is_long))
    if form.note:
        ET.SubElement(answers, "TextArea", {**_NOTE, "toName": form.material.main})
    return ET.tostring(page, encoding="unicode")


def _shown(form: Form) -> list[Code]:
    """What there is to choose from.

    That no code applies has to be said, or it would look like an oversight.
    """
    shown = list(form.codebook.labels)
    if form.codebook.is_multilabel:
        shown.append(NO_CODE)
    return [*shown, *(Code(name=f"{CANNOT_CODE}{reason}", value=None) for reason in form.cannot_code)]


def _legend(codebook: Codebook) -> str:
    """What the numbers of a long scale mean, where that is said."""
    return "    ".join(f"{code.name}: {code.definition}" for code in codebook.labels if code.definition)


def keys(form: Form) -> list[str | None]:
    """The key of each choice, in Label Studio's order; none is left after the 33rd.

    On a scale of digits, of which one at most is another number, each is its own key. Numbers have no keys at
    all where there are more of them than keys.

    >>> scale = Codebook(question="?", type="numeric", labels=[Code(name=str(step)) for step in range(8, 11)])
    >>> keys(Form(scale, cannot_code=("garbled",)))
    ['8', '9', 'q', 'w']
    """
    names, n_shown = form.codebook.names, len(_shown(form))
    digits = set(names) & set(DIGITS)
    letters = iter(LETTERS)
    given: list[str | None] = [*KEYS]
    if form.codebook.type == "numeric" and len(names) > len(KEYS):
        given = [*[None] * len(names), *letters]
    elif digits and len(names) - len(digits) <= 1:
        given = [name if name in digits else next(letters) for name in names]
        given += letters
    return [*given, *[None] * n_shown][:n_shown]


def chosen(choices: Sequence[str], main: str = TEXT) -> dict[str, Any]:
    """An answer as Label Studio keeps it; ``main`` is the part of the unit that it is tied to."""
    return {"from_name": CONTROL, "to_name": main, "type": "choices", "value": {"choices": list(choices)}}


def instruction(form: Form) -> str:
    """The codebook as a page of HTML: warning, question, codes, keys, definitions, examples.

    Label Studio drops styles and the indentation of lists, so line breaks are the layout.
    """
    rows = "".join(starmap(_instruction_row, zip(_shown(form), keys(form), strict=True)))
    warning = f"<p><b>{html(form.content_warning)}</b></p>" if form.content_warning else ""
    return f"{warning}<h3>{html(form.codebook.question)}</h3><p>{' '.join(_how_to(form))}</p>{rows}"


def _how_to(form: Form) -> Iterator[str]:
    task = "press the key of the <b>one</b> code that fits best"
    if form.codebook.is_multilabel:
        task = f"press the key of <b>every</b> code that applies, or of <b>{label_sets.NONE}</b>"
    if form.adjudicates:
        yield adjudication_page.TASK
    yield f"{form.material.task}, {task}, then <b>Ctrl + Enter</b> (Cmd + Enter on a Mac) to submit."
    alone = f"udge by {form.material.what} alone."
    if form.adjudicates:
        yield f"Judge by {form.material.what}: {adjudication_page.HOW_TO_JUDGE}"
    elif form.suggests:
        yield f"Some texts come with the suggestion of a machine, which may be wrong: j{alone}"
    else:
        yield f"J{alone}"
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


def _choice(code: Code, hotkey: str | None, *, is_bare: bool) -> dict[str, str]:
    shown = _choice_html(code.model_copy(update={"definition": ""}) if is_bare else code)
    # The alias is what an annotation records, whatever the value had to become.
    attributes = {"value": literal(code.name), "alias": printable(code.name), "html": shown}
    if code.examples:
        attributes["hint"] = printable("For example: " + " | ".join(code.examples))
    if hotkey is not None:
        attributes["hotkey"] = hotkey
    return attributes


def _choice_html(code: Code) -> str:
    name = f"<b>{html(code.name)}</b>"
    return f"{name} <span style='opacity:0.75'>{html(code.definition)}</span>" if code.definition else name


def _instruction_row(code: Code, hotkey: str | None) -> str:
    shown = f"<code>[{hotkey}]</code> " if hotkey else ""
    definition = f": {html(code.definition)}" if code.definition else ""
    examples = "".join(f"<br>\N{EN DASH} <i>{html(example)}</i>" for example in code.examples)
    return f"<br><p>{shown}<b>{html(code.name)}</b>{definition}{examples}</p>"
