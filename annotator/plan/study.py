"""`annotator plan`: what budgets buy in a study as it stands. Nothing is written and nobody is asked."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from annotator import corpus
from annotator.errors import StudyError
from annotator.inference.estimands.coefficients import INTERCEPT
from annotator.plain import plain
from annotator.plan.budgets import choose, round_sizes
from annotator.plan.costs import Coding, MachineCost, coding, machine_costs
from annotator.plan.knowledge import Knowledge, Prior
from annotator.plan.widths import Width, expected_widths
from annotator.questions import AgreementAsked, MeanAsked, QuantileAsked
from annotator.stages.rectify import study_question
from annotator.study import Stop, Study
from annotator.workspace import CORPUS, Workspace

SKILL = 0.6


@dataclass(frozen=True)
class Options:
    """What the command line asks for; ``None`` leaves it to the study.

    Attributes
    ----------
    budgets : sequence of int, optional
        Units coded in the end; by default a ladder around the budget of the study file.
    skill : float, optional
        Prior share of units, beyond chance, that the machine is right about: 0.6 by default. It counts until
        there are human codes.
    shares : sequence of float, optional
        Prior share of each code: equal by default. They count until the machine has labelled.
    minutes_per_code : float, optional
        By default what coders took so far, or half a minute.
    """

    budgets: Sequence[int] | None = None
    skill: float | None = None
    shares: Sequence[float] | None = None
    minutes_per_code: float | None = None


@dataclass(frozen=True)
class Plan:
    """What each budget buys and costs.

    ``source`` says in one line what the widths rest on, ``remarks`` what else to know about them.
    """

    study: Study
    n_units: int
    n_coded: int
    budgets: tuple[int, ...]
    widths: tuple[Width, ...]
    coding: Coding
    machines: tuple[MachineCost, ...]
    source: str
    remarks: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """The widths, one row a value and budget."""
        return pd.DataFrame([asdict(width) for width in self.widths])

    def costs(self) -> pd.DataFrame:
        """What is still to be spent, one row a budget."""
        rows = [
            {
                "budget": budget,
                "codes_to_come": self.coding.n_to_come(budget),
                "decisions_to_come": self.coding.n_decisions_to_come(budget),
                "hours_to_come": self.coding.hours_to_come(budget),
                "coder_days_to_come": self.coding.days_to_come(budget),
                "machine_cost_to_come": sum(machine.to_come + machine.canary for machine in self.machines),
            }
            for budget in self.budgets
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> dict[str, Any]:
        """For scripts; a width that cannot be told is null."""
        found: dict[str, Any] = plain(
            {
                "study": self.study.name,
                "n_units": self.n_units,
                "n_coded": self.n_coded,
                "confidence_level": self.study.confidence_level,
                "population": self.study.population,
                "source": self.source,
                "remarks": list(self.remarks),
                "coding": asdict(self.coding),
                "machines": [asdict(machine) for machine in self.machines],
                "budgets": self.costs().to_dict("records"),
                "values": self.frame().to_dict("records"),
            }
        )
        return found


def plan_study(workspace: Workspace, options: Options) -> Plan:
    """What budgets buy, from what the study knows so far.

    Raises StudyError where an option is out of range or the corpus cannot answer the questions, CorpusError
    where it cannot be read, and EstimateRefusedError where no interval can be given.
    """
    study = workspace.study
    prior = _prior(study, options)
    units = workspace.units if workspace.store.exists(CORPUS) else corpus.read(study).units
    known = Knowledge(workspace, units, prior)
    budgets = choose(options.budgets, study.design, known.stand)
    widths = expected_widths(
        known.outlook,
        [round_sizes(budget, known.stand) for budget in budgets],
        study_question(study, units),
        stops=study.design.stop is not None,
    )
    place = {asked.name: position for position, asked in enumerate(study.estimands)}
    widths.sort(key=lambda width: place[width.estimand])
    return Plan(
        study=study,
        n_units=len(units),
        n_coded=known.stand.n_coded,
        budgets=tuple(budgets),
        widths=tuple(widths),
        coding=coding(workspace, options.minutes_per_code),
        machines=tuple(machine_costs(workspace, units["text"])),
        source=known.source,
        remarks=tuple(_remarks(study, known, widths, options)),
    )


def _prior(study: Study, options: Options) -> Prior:
    """Raises StudyError for what is no probability, no share, or no time."""
    names = study.codebook.names
    skill = SKILL if options.skill is None else options.skill
    if not 0 <= skill <= 1:
        raise StudyError(
            f"--skill {skill:g} is no probability",
            hint="Give a number from 0 (the machine guesses) to 1, for example --skill 0.6",
        )
    if options.minutes_per_code is not None and not 0 < options.minutes_per_code < math.inf:
        raise StudyError(
            f"--minutes-per-code {options.minutes_per_code:g} is no time",
            hint="Give a positive number, for example --minutes-per-code 0.5",
        )
    is_set = study.codebook.is_multilabel
    if options.shares is None:
        return Prior(skill, [0.5 if is_set else 1.0 / len(names)] * len(names))
    shares = list(options.shares)
    are_shares = all(0 < share < 1 for share in shares)
    if len(shares) != len(names) or not are_shares or not (is_set or _add_up(shares)):
        together = "between 0 and 1" if is_set else "together they are 1"
        raise StudyError(
            f"--shares {','.join(f'{share:g}' for share in shares)} are not the shares of {len(names)} codes",
            hint=f"Give one positive number for each of {', '.join(names)}; {together}.",
        )
    return Prior(skill, shares if is_set else [share / sum(shares) for share in shares])


def _add_up(shares: Sequence[float]) -> bool:
    return math.isclose(sum(shares), 1.0, abs_tol=0.01)


def _remarks(study: Study, known: Knowledge, widths: Sequence[Width], options: Options) -> Iterator[str]:
    if not known.is_labelled and not all(
        isinstance(one, MeanAsked | QuantileAsked | AgreementAsked) for one in study.estimands
    ):
        yield "without labels every association is taken to be zero: a strong one has a wider interval"
    unsolved = dict.fromkeys(width.estimand for width in widths if math.isnan(width.half_width))
    if unsolved:
        yield f"no answer can be expected yet for: {', '.join(unsolved)}"
    if known.stand.n_rounds_left == 0 and not known.stand.n_open:
        yield f"all {study.design.rounds} rounds are closed: the plan adds one more"
    if options.skill is not None and known.n_closed:
        yield "--skill is not used: there are human codes"
    if options.shares is not None and known.is_labelled:
        yield "--shares are not used: there are machine labels"
    if study.design.training.share:
        yield "units picked for training are planned like all others, so that widths may come out larger"
    if study.design.stop is not None:
        yield _where_it_stops(study.design.stop, widths)


def _where_it_stops(stop: Stop, widths: Sequence[Width]) -> str:
    """The smallest budget that meets the stopping rule, which watches no intercept (`is_narrow_enough`)."""
    of_estimand = [width for width in widths if width.estimand == stop.estimand]
    watched = [width for width in of_estimand if width.term != INTERCEPT] or of_estimand
    wide = {width.budget for width in watched if not width.half_width <= stop.half_width}
    enough = sorted({width.budget for width in watched} - wide)
    where = f"at {enough[0]:,} codes" if enough else "at none of these budgets"
    return (
        f"intervals hold at every look, as the stopping rule needs; '{stop.estimand}' is within "
        f"{stop.half_width:g} {where}"
    )
