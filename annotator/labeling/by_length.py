"""Units labelled in batches of similar length, so that a model pads little."""

from collections.abc import Callable, Sequence

from annotator.labeling.protocol import MachineLabel, Unit


def label_by_length(
    units: Sequence[Unit], size: int, label_batch: Callable[[Sequence[Unit]], list[MachineLabel]]
) -> list[MachineLabel]:
    """One row a unit, in the same order, from ``label_batch`` on at most ``size`` units at a time."""
    by_length = sorted(range(len(units)), key=lambda position: len(units[position].text))
    rows: dict[int, MachineLabel] = {}
    for start in range(0, len(units), size):
        positions = by_length[start : start + size]
        labelled = label_batch([units[position] for position in positions])
        rows.update(zip(positions, labelled, strict=True))
    return [rows[position] for position in range(len(units))]
