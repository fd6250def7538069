"""All adopted codes of a study together: which unit takes part in what, with which codes."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import pandas as pd

from annotator import schema
from annotator.adoption.gathering import Gathered, gather
from annotator.adoption.item import Item
from annotator.adoption.label_studio_tasks import items_of
from annotator.adoption.matching import Matching
from annotator.adoption.project import read_project
from annotator.adoption.section import AdoptedCodes, Use
from annotator.adoption.table import items_of_table, read_file
from annotator.coders import LabelStudioCoding
from annotator.coding.build import address_and_token
from annotator.coding.label_studio_client import Client, TokenAuth
from annotator.errors import StudyError
from annotator.study import Study

STRONGEST_FIRST: tuple[Use, ...] = ("sample", "known", "training")
assert set(STRONGEST_FIRST) == set(get_args(Use))


@dataclass(frozen=True)
class Adopted:
    """What would enter a study.

    Attributes
    ----------
    sources : sequence of Gathered
    codes : mapping of use to DataFrame
        In the columns of ``schema.CODES``. A unit is in one of them alone: a sample goes before known units,
        and those before training. Where two sources have the same coder's answer for a unit, one with a label
        goes before one without, and then the newest counts.
    lacking : tuple of str
        Units of a sample that have no code.
    """

    sources: Sequence[Gathered]
    codes: dict[Use, pd.DataFrame]
    lacking: tuple[str, ...]

    def summaries(self) -> list[dict[str, Any]]:
        """One a source, as plain data."""
        answers = _answers(self.sources)
        together = _latest(answers, ["unit_id", "coder"])
        kept = _latest(answers, ["use", "unit_id", "coder"])["source"].value_counts()
        return [
            each.summary(together, n_replaced=len(each.codes) - int(kept.get(place, 0)))
            for place, each in enumerate(self.sources)
        ]

    def refuse_empty(self) -> None:
        """Raise StudyError if a source has no code for any unit of the corpus: something does not fit."""
        for each in self.sources:
            if each.usable.empty:
                raise StudyError(
                    f"adopted {each.section.source}: no unit of this corpus has a code in it",
                    hint="`annotator adopt` shows what does not fit: ids, texts or words.",
                )


def adopted(study: Study, units: pd.DataFrame) -> Adopted:
    """Read every source the study file names, and match it with the corpus. Nothing is written.

    Raises StudyError for a source that cannot be read as the study file says, ServiceError for a Label
    Studio that does not answer.
    """
    matching, coding = Matching(units), study.coding
    blind = not isinstance(coding, LabelStudioCoding) or coding.shown == 0
    sources = [
        gather(_items(study, section), section, matching, study.codebook, blind=blind)
        for section in study.adopted
    ]
    sample = {unit for each in sources if each.section.use == "sample" for unit in each.units}
    answers = _latest(_answers(sources), ["use", "unit_id", "coder"])
    codes: dict[Use, pd.DataFrame] = {}
    taken = sample
    for use in STRONGEST_FIRST:
        found = answers.loc[answers["use"] == use, schema.CODES.names].reset_index(drop=True)
        codes[use] = found if use == "sample" else found[~found["unit_id"].isin(taken)]
        taken = taken | set(codes[use].loc[codes[use]["label"].notna(), "unit_id"])
    with_code = set(codes["sample"].loc[codes["sample"]["label"].notna(), "unit_id"])
    return Adopted(sources, codes, tuple(sorted(sample - with_code)))


def digest(study: Study) -> str:
    """A short hash of what the study file says about adopted codes."""
    said = study.model_dump(mode="json", include={"adopted"}, exclude_unset=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _items(study: Study, section: AdoptedCodes) -> list[Item]:
    columns = study.corpus.text_columns
    text = columns[0] if len(columns) == 1 else None
    if section.file is None:
        assert isinstance(study.coding, LabelStudioCoding)
        url, token = address_and_token(study, study.coding)
        tasks, coders = read_project(Client(url, TokenAuth(token)), section)
        return items_of(tasks, section, coders, text)
    found = read_file(study.locate(section.file), section)
    if isinstance(found, pd.DataFrame):
        return items_of_table(found, section, study.codebook, text)
    return items_of(found, section, {}, text)


def _answers(sources: Sequence[Gathered]) -> pd.DataFrame:
    """The codes of all sources, each with its ``use`` and the place of its ``source`` among them."""
    nothing = schema.CODES.empty_table().to_pandas().assign(use="", source=0)
    frames = [each.codes.assign(use=each.section.use, source=place) for place, each in enumerate(sources)]
    together: pd.DataFrame = pd.concat([nothing, *frames], ignore_index=True)
    return together


def _latest(answers: pd.DataFrame, of: list[str]) -> pd.DataFrame:
    """One row of each kind: with a label where there is one, and of these the newest."""
    in_order = answers.assign(has_label=answers["label"].notna()).sort_values(
        [*of, "has_label", "updated_at"], kind="stable"
    )
    latest: pd.DataFrame = in_order.drop_duplicates(of, keep="last")
    return latest
