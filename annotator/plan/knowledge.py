"""What a study knows that a plan can start from: nothing but its texts, machine labels, or human codes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from annotator import asked, evidence
from annotator.budget import coded
from annotator.classifiers import in_the_loop
from annotator.facets import facets
from annotator.plan.budgets import Stand
from annotator.plan.outlook import Outlook, after_rounds, as_if_labelled, before_gold
from annotator.roles import unit_weights
from annotator.stages.label import pending
from annotator.state import n_closed_rounds
from annotator.workspace import CORPUS, Workspace, ledger
from models.error_map import ErrorMap
from models.signals import Signals


@dataclass(frozen=True)
class Prior:
    """What is believed before anyone has coded.

    ``shares`` (K,) of the codes count before labelling only. Those of codes that exclude each other add up to
    one.
    """

    skill: float
    shares: Sequence[float]


class Knowledge:
    """A study's units and what is known of them. Nothing is written.

    Parameters
    ----------
    workspace : Workspace
    units : DataFrame
        The corpus, one row a unit.
    prior : Prior
    """

    def __init__(self, workspace: Workspace, units: pd.DataFrame, prior: Prior) -> None:
        self._workspace, self._units, self._prior = workspace, units, prior
        self.is_labelled = workspace.store.exists(CORPUS) and not pending(workspace)
        self.n_closed = n_closed_rounds(workspace)

    @cached_property
    def stand(self) -> Stand:
        """How far the study is."""
        workspace, opened = self._workspace, self.n_closed + 1
        is_open = workspace.store.exists(ledger(opened))
        return Stand(
            n_units=len(self._units),
            n_coded=sum(coded(workspace, self.n_closed)),
            n_open=int(evidence.drawn_in(workspace, opened).drawn.sum()) if is_open else 0,
            n_rounds_left=max(workspace.study.design.rounds - self.n_closed - int(is_open), 0),
        )

    @cached_property
    def outlook(self) -> Outlook:
        """What is expected of every unit."""
        workspace = self._workspace
        campaign = evidence.campaign(workspace, self._signals, self._asked)
        if self._error_maps is None:
            return before_gold(campaign, self._prior.skill, workspace.study.design.budget)
        return after_rounds(
            campaign,
            self._error_maps,
            evidence.rounds(workspace, self.n_closed),
            evidence.gold_codes(workspace, self.n_closed),
        )

    @property
    def source(self) -> str:
        """What the outlook rests on, in one line."""
        if self._error_maps is not None:
            maps = ", ".join(self._described(self._error_maps))
            return (
                f"from {self.stand.n_coded:,} human codes in {_rounds(self.n_closed)}: the error map, {maps}"
            )
        belief = f"from a prior: the machine is right for {100 * self._prior.skill:g} % beyond chance"
        if self.is_labelled:
            return f"{belief}, and codes are as common as its labels of {len(self._units):,} units say"
        shares = ", ".join(
            f"{name} {100 * share:.3g} %"
            for name, share in zip(self._workspace.study.codebook.names, self._prior.shares, strict=True)
        )
        return f"{belief}, and codes are this common: {shares}; not every unit is labelled yet"

    def _described(self, error_maps: Sequence[ErrorMap]) -> Iterator[str]:
        codes = self._workspace.study.codebook.names if len(error_maps) > 1 else [""]
        for code, error_map in zip(codes, error_maps, strict=True):
            skill = "has skill" if error_map.has_skill else "has no skill beyond the base rate"
            yield f"{f'{code}: ' if code else ''}{error_map.candidate}, {skill}"

    @cached_property
    def _error_maps(self) -> tuple[ErrorMap, ...] | None:
        """The maps on the gold so far, None before there is any."""
        return evidence.error_maps(self._workspace, self._signals, self.n_closed) if self.n_closed else None

    @cached_property
    def _signals(self) -> list[Signals]:
        if self.is_labelled:
            return in_the_loop.signals(self._workspace, self.n_closed + 1)
        shares = [self._prior.shares]
        if self._workspace.study.codebook.is_multilabel:
            shares = [(1.0 - share, share) for share in self._prior.shares]
        return as_if_labelled(len(self._units), shares)

    @property
    def _asked(self) -> list[asked.OnFacet]:
        if self.is_labelled:
            return evidence.asked(self._workspace)
        study = self._workspace.study
        parts = facets(study.codebook)
        data = asked.Data(
            units=self._units,
            codebook=study.codebook,
            weights=unit_weights(study, self._units),
            machine_labels=lambda _, facet: self._signals[parts.index(facet)].labels[:, 0],
            folder=study.folder,
        )
        return asked.estimands(study.estimands, data)


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"
