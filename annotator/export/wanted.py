"""What an export is asked to hold."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """What goes with the units, and which of them.

    Attributes
    ----------
    gold : bool
        The human label of each coded unit.
    machine : str, optional
        A machine annotator whose labels are shown.
    coded_only : bool
        Whether units without gold are left out.
    text : bool
        Whether tables of results hold the texts.
    """

    gold: bool = False
    machine: str | None = None
    coded_only: bool = False
    text: bool = False
