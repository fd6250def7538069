"""The prompts of a study as a model will see them, and copies of the built-in templates to start from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotator import corpus
from annotator.errors import StudyError
from annotator.labeling.prompts import Message, Prompts
from annotator.labeling.templating import BUILT_IN
from annotator.labeling.wording import prompts, variation
from annotator.machines import Elicited, Machine, TransformersMachine
from annotator.workspace import CORPUS, Workspace


@dataclass(frozen=True)
class Shown:
    """One conversation: whose, in which wording, under which prompt hash."""

    annotator: str
    wording: str
    digest: str
    messages: list[Message]


def preview(workspace: Workspace, unit_id: str | None, annotator: str | None) -> Iterator[Shown]:
    """Every wording of every annotator that is asked in words, for one unit.

    Raises:
        StudyError: there is no such unit or annotator, or a template is wrong.
    """
    asked = [machine for machine in workspace.study.machine if annotator in (None, machine.name)]
    if not asked:
        raise StudyError(f"there is no machine annotator '{annotator}' in {workspace.study.path}")
    elicited = [(machine, each) for machine in asked if (each := _elicited(machine)) is not None]
    if not elicited:
        names = ", ".join(machine.name for machine in asked)
        raise StudyError(f"no prompt is used for {names}", hint="Only language models are asked in words.")
    unit_id, text = _unit(workspace, unit_id)
    for machine, section in elicited:
        yield from _wordings(workspace, machine, section, unit_id, text)


def copy(folder: Path) -> list[str]:
    """Copy the built-in templates into a folder, which is made; their names.

    Raises:
        StudyError: one of them is there already.
    """
    sources = {entry.name: entry for entry in BUILT_IN.iterdir() if entry.name.endswith(".j2")}
    there = sorted(name for name in sources if (folder / name).exists())
    if there:
        raise StudyError(
            f"{folder / there[0]} is there already", hint="Nothing is overwritten: name another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in sources.items():
        (folder / name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return sorted(sources)


def _elicited(machine: Machine) -> Elicited | None:
    if isinstance(machine, TransformersMachine) and not machine.is_causal:
        return None
    return machine if isinstance(machine, Elicited) else None


def _wordings(
    workspace: Workspace, machine: Machine, section: Elicited, unit_id: str, text: str
) -> Iterator[Shown]:
    own = prompts(workspace.study, section)
    varied = variation(workspace.study, section, own)
    code = workspace.study.codebook.names[0]
    is_asked_twice = section.confidence == "verbalized"
    turns = own.confidence(text, code, unit_id) if is_asked_twice else own.label(text, unit_id)
    yield Shown(machine.name, "its own prompt", own.digest, turns)
    others: list[tuple[str, Prompts]] = [
        *((f"shuffle {n}", each) for n, each in enumerate(varied.shuffled, start=1)),
        *(zip((f"paraphrase {name}" for name in section.paraphrases), varied.paraphrased, strict=True)),
    ]
    for name, each in others:
        yield Shown(machine.name, name, each.digest, each.label(text, unit_id))


def _unit(workspace: Workspace, unit_id: str | None) -> tuple[str, str]:
    is_read = workspace.store.exists(CORPUS)
    units = workspace.units if is_read else corpus.read(workspace.study).units
    rows = units if unit_id is None else units[units["unit_id"] == unit_id]
    if rows.empty:
        raise StudyError(f"there is no unit '{unit_id}' in the corpus")
    return str(rows["unit_id"].iloc[0]), str(rows["text"].iloc[0])
