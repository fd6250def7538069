"""The report's part on the order of the codes: where a model was asked in several, what the order did."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from annotator.labeling.orders import orders
from annotator.labeling.position_bias import PositionBias, position_bias
from annotator.machines import Elicited
from annotator.seeds import generator
from annotator.study import Study
from annotator.workspace import Workspace


@dataclass(frozen=True)
class Shuffled:
    """One machine annotator that was asked in several orders."""

    annotator: str
    n_orders: int
    bias: PositionBias


def measured(workspace: Workspace) -> list[Shuffled]:
    """The effect of the order on every annotator whose section has ``shuffles``."""
    study = workspace.study
    return [
        _measure(study, machine, machine.name, workspace.machine_signals(machine.name))
        for machine in study.machine
        if isinstance(machine, Elicited) and machine.shuffles
    ]


def _measure(study: Study, machine: Elicited, name: str, signals: pd.DataFrame) -> Shuffled:
    """The plain question counts as one more order, unless it was sampled."""
    names = study.codebook.names
    others = orders(names, machine.shuffles, generator(study, 0, "shuffles"))
    asked = [*([] if machine.samples else [(0, names)]), *enumerate(others, start=1)]
    answers = np.zeros((len(signals), len(asked), len(names)), dtype=bool)
    for row, (number, _) in enumerate(asked):
        for column, code in enumerate(names):
            key = f"shuffle:{number}:{code}"
            if key in signals.columns:
                answers[:, row, column] = signals[key].notna().to_numpy()
    place = np.array([[order.index(code) for code in names] for _, order in asked])
    has_answer = answers.any(axis=(1, 2))
    return Shuffled(name, len(asked), position_bias(answers[has_answer], place))
