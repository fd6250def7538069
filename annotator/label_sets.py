"""Labels of a multilabel codebook: any number of codes at once, written as one text.

The codes stand in codebook order with `SEPARATOR` between them, and a unit to which no code applies is
labelled `NONE`: an empty text could not be told from a missing label.
"""

from collections.abc import Collection, Sequence

from annotator.folding import folded

SEPARATOR = ";"
NONE = "none"


def join(codes: Collection[str], names: Sequence[str]) -> str:
    """The label that says that exactly these codes apply.

    >>> join({"tax", "crime"}, ("crime", "health", "tax"))
    'crime;tax'
    >>> join((), ("crime", "health", "tax"))
    'none'
    """
    return SEPARATOR.join(name for name in names if name in codes) or NONE


def split(label: str, names: Sequence[str]) -> tuple[str, ...] | None:
    """The codes of a label in codebook order, whatever order, case and form it has; None if it has others.

    >>> split(" Tax; crime", ("crime", "health", "tax"))
    ('crime', 'tax')
    >>> split("none", ("crime", "health", "tax"))
    ()
    >>> split("tax;war", ("crime", "health", "tax")) is None
    True
    """
    said = {folded(part) for part in label.split(SEPARATOR)}
    if said == {NONE}:
        return ()
    known = {folded(name): name for name in names}
    found = {known.get(part) for part in said}
    return None if None in found else tuple(name for name in names if name in found)
