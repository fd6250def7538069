"""`annotator adopt`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from annotator import console, corpus
from annotator.adoption import stored
from annotator.adoption.adopting import adopted
from annotator.commands.arguments import Json, StudyPath
from annotator.errors import StudyError
from annotator.stages.adopt import due
from annotator.stages.adopted_sample import refuse_unfit
from annotator.workspace import CORPUS, Workspace

_ROWS = {
    "items": "tasks or rows",
    "unmatched": "no unit of the corpus",
    "ambiguous": "a text that several units have",
    "other_text": "the id of a unit with another text",
    "matched": "units of the corpus",
    "not_compared": "by their ids alone: texts not compared",
    "answers": "answers about them",
    "off_codebook": "not in the codebook",
    "skipped": "skipped",
    "suggested": "begun from a machine's suggestion, not used",
    "doubles": "other answers of the same coder, not used",
    "units": "units with a code",
    "coded_by_several": "coded by two people or more, here or in another source",
    "disagreed": "on which they disagree",
}


def adopt(study: StudyPath, as_json: Json = False) -> None:
    """Show what the codes under `adopted` give, or gave once they entered the study. Writes nothing.

    Ends with an error where `advance` would refuse them.
    """
    workspace = Workspace.open(study)
    if not workspace.study.adopted:
        raise StudyError(
            f"{workspace.study.path}: there is no `adopted` section",
            hint="Name a project of your Label Studio or a file of codes: see docs/coding.md.",
        )
    is_done = stored.has_adopted(workspace) and not due(workspace)
    if is_done:
        _tell(stored.sources(workspace), is_done=True, as_json=as_json)
        return
    with console.spinner("reading the codes"):
        is_ingested = workspace.store.exists(CORPUS)
        units = workspace.units if is_ingested else corpus.read(workspace.study).units
        found = adopted(workspace.study, units)
    _tell(found.summaries(), is_done=False, as_json=as_json)
    found.refuse_empty()
    refuse_unfit(workspace.study, found, units)


def _tell(found: Sequence[Mapping[str, Any]], *, is_done: bool, as_json: bool) -> None:
    if as_json:
        console.show_json({"entered": is_done, "sources": found})
    else:
        _show(found, is_done)


def _show(found: Sequence[Mapping[str, Any]], is_done: bool) -> None:
    title = "Adopted" if is_done else "To be adopted before round 1; nothing is written yet"
    columns = {f"{number}: {each['source']}": _column(each) for number, each in enumerate(found, start=1)}
    console.show_frame(pd.DataFrame({"": ["use", *_ROWS.values()], **columns}), title)
    for each in found:
        if n_unseen := each.get("not_compared", 0):
            console.out.print(
                f"{each['source']}: {n_unseen:,} texts were not compared with those of the corpus, and their "
                "ids are believed: name their field with `text:`, if there is one",
                soft_wrap=True,
            )
        for what, counts in (
            ("coders", each["coders"]),
            ("codes", each["labels"]),
            ("no codes", each["words"]),
        ):
            if counts:
                said = ", ".join(f"{name} ({n:,})" for name, n in counts.items())
                console.out.print(f"{each['source']}, {what}: {said}", soft_wrap=True)


def _column(source: Mapping[str, Any]) -> list[Any]:
    return [source["use"], *(source.get(name, 0) for name in _ROWS)]
