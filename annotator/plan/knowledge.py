"""What a study knows that a plan can start from: nothing but its texts, machine labels, or human codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from annotator import asked, evidence
from annotator.inference.estimands import Estimand
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
    """What is believed before anyone has coded; ``shares`` (K,) of the codes count before labelling only."""

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
            n_coded=int((evidence.gold_codes(workspace, self.n_closed) >= 0).sum()) if self.n_closed else 0,
            n_open=int(evidence.drawn_in(workspace, opened).drawn.sum()) if is_open else 0,
            n_rounds_left=max(workspace.study.design.rounds - self.n_closed - int(is_open), 0),
        )

    @cached_property
    def outlook(self) -> Outlook:
        """What is expected of every unit."""
        workspace = self._workspace
        campaign = evidence.campaign(workspace, self._signals, self._estimands)
        if self._error_map is None:
            return before_gold(campaign, self._prior.skill, workspace.study.design.budget)
        return after_rounds(
            campaign,
            self._error_map,
            evidence.rounds(workspace, self.n_closed),
            evidence.gold_codes(workspace, self.n_closed),
        )

    @property
    def source(self) -> str:
        """What the outlook rests on, in one line."""
        if self._error_map is not None:
            skill = "has skill" if self._error_map.has_skill else "has no skill beyond the base rate"
            chosen = f"the error map, {self._error_map.candidate}, {skill}"
            return f"from {self.stand.n_coded:,} human codes in {_rounds(self.n_closed)}: {chosen}"
        belief = f"from a prior: the machine is right for {100 * self._prior.skill:g} % beyond chance"
        if self.is_labelled:
            return f"{belief}, and codes are as common as its labels of {len(self._units):,} units say"
        shares = ", ".join(
            f"{name} {100 * share:.3g} %"
            for name, share in zip(self._workspace.study.codebook.names, self._prior.shares, strict=True)
        )
        return f"{belief}, and codes are this common: {shares}; not every unit is labelled yet"

    @cached_property
    def _error_map(self) -> ErrorMap | None:
        """The map on the gold so far, None before there is any."""
        return evidence.fit_map(self._workspace, self._signals, self.n_closed) if self.n_closed else None

    @cached_property
    def _signals(self) -> Signals:
        if self.is_labelled:
            return evidence.machine(self._workspace)
        return as_if_labelled(len(self._units), self._prior.shares)

    @property
    def _estimands(self) -> list[Estimand]:
        if self.is_labelled:
            return evidence.estimands(self._workspace)
        study = self._workspace.study
        data = asked.Data(
            units=self._units,
            codebook=study.codebook,
            weights=unit_weights(study, self._units),
            machine_labels=lambda _: self._signals.labels[:, 0],
            folder=study.folder,
        )
        return asked.estimands(study.estimands, data)


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"
