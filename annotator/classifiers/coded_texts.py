"""What a classifier learns from: the texts that people coded, their labels, and what each stands for."""

from dataclasses import dataclass

import numpy as np

from annotator import evidence, label_sets
from annotator.adoption import stored
from annotator.errors import StudyError
from annotator.labeling.fence import pair
from annotator.roles import unit_weights
from annotator.stages.collect import stored_codes
from annotator.state import n_closed_rounds
from annotator.workspace import Workspace, gold
from models.arrays import BoolArray, FloatArray, IntArray
from models.label_map import LabelMap, Task, Text

_TASKS: dict[str, Task] = {"numeric": "ordinal"}


@dataclass(frozen=True)
class CodedTexts:
    """n texts with gold.

    Attributes
    ----------
    rows : (n,) array of int
        Their places in the corpus.
    texts : list of texts or pairs
    labels : (n,) array of int, or (n, K) of 0/1 for a multilabel codebook
    weights : (n,) array
        One over the inclusion probability, times the corpus's own weight: figures stand for the corpus. A
        text whose sampling is unknown stands for itself.
    low_agreement : (n,) array of bool
        Whether coders disagreed on the text.
    rounds : (n,) array of int
        The round that brought each, 0 for codes from before the study.
    """

    rows: IntArray
    texts: list[Text]
    labels: IntArray
    weights: FloatArray
    low_agreement: BoolArray
    rounds: IntArray


def label_map(workspace: Workspace) -> LabelMap:
    """The codebook as classifiers know it."""
    book = workspace.study.codebook
    return LabelMap(book.names, _TASKS.get(book.type, book.type))  # type: ignore[arg-type]


def coded_texts(workspace: Workspace, n_rounds: int | None = None, *, taught: bool = False) -> CodedTexts:
    """The texts with gold of the first ``n_rounds`` rounds, or all closed ones.

    With ``taught``, those adopted for training alone are among them: no figure may be made of these.

    Raises StudyError where no round is closed.
    """
    closed = n_closed_rounds(workspace) if n_rounds is None else n_rounds
    if not closed:
        raise StudyError(
            "there is nothing to learn from yet: no round is closed", hint="Let people code first."
        )
    found = evidence.gold_labels(workspace, closed)
    others = stored.taught_labels(workspace) if taught else None
    if others is not None:
        found = found.fillna(others)
    rows = np.flatnonzero(found.notna().to_numpy())
    probability = np.nan_to_num(evidence.drawn_with(workspace, closed)[rows], nan=1.0)
    own = unit_weights(workspace.study, workspace.units)
    return CodedTexts(
        rows=rows,
        texts=texts_of(workspace, rows),
        labels=encoded(workspace, found.iloc[rows].tolist()),
        weights=(1.0 if own is None else own[rows]) / probability,
        low_agreement=_disagreed(workspace, closed)[rows],
        rounds=_rounds(workspace, closed)[rows],
    )


def texts_of(workspace: Workspace, rows: IntArray) -> list[Text]:
    """The texts at some places of the corpus; pairs taken apart."""
    texts = workspace.units["text"].iloc[rows].tolist()
    columns = workspace.study.corpus.text_columns
    if len(columns) == 1:
        return texts
    return [pair(text, (columns[0], columns[1])) or (text, "") for text in texts]


def encoded(workspace: Workspace, labels: list[str]) -> IntArray:
    """Labels as the numbers that classifiers work with."""
    codes, names = label_map(workspace), workspace.study.codebook.names
    if codes.is_multilabel:
        return codes.encode([label_sets.split(label, names) or () for label in labels])
    return codes.encode(labels)


def _disagreed(workspace: Workspace, n_rounds: int) -> BoolArray:
    """(N,) whether two coders gave a unit different labels."""
    disagreed = np.zeros(len(workspace.units), dtype=bool)
    for number in stored.numbers(workspace, n_rounds):
        n_labels = stored_codes(workspace, number).groupby("unit_id")["label"].nunique()
        disagreed[workspace.position.loc[n_labels.index[n_labels > 1]].to_numpy()] = True
    return disagreed


def _rounds(workspace: Workspace, n_rounds: int) -> IntArray:
    """(N,) the round that brought each unit's gold, 0 for none."""
    of_round = np.zeros(len(workspace.units), dtype=np.int64)
    for number in range(1, n_rounds + 1):
        units = workspace.store.read_frame(gold(number))["unit_id"]
        of_round[workspace.position.loc[units].to_numpy()] = number
    return of_round
