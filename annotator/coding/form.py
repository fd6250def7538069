"""What a coder is shown and asked: the codebook, and what the study adds to it."""

from dataclasses import dataclass, field

from annotator.codebook import Codebook
from annotator.coding.material import Material

CANNOT_CODE = "cannot code: "
"""What the answer of a coder who can give no code starts with; the reason follows."""


@dataclass(frozen=True)
class Form:
    """One page of the coding service.

    Attributes
    ----------
    codebook : Codebook
    cannot_code : tuple of str
        Reasons a coder may give for giving no code; without any a text can only be skipped.
    note : bool
        Whether there is room for a note.
    content_warning : str
        Shown before anything else.
    break_after : int, optional
        Minutes of coding after which the instructions ask for a break.
    daily_limit : int, optional
        Texts a coder should do a day at most.
    suggests : bool
        Whether some texts come with the label of a machine.
    adjudicates : bool
        Whether this is the page of an adjudicator, who sees what coders said, and not who.
    material : Material
        The parts of a unit: texts, image.
    """

    codebook: Codebook
    cannot_code: tuple[str, ...] = ()
    note: bool = False
    content_warning: str = ""
    break_after: int | None = None
    daily_limit: int | None = None
    suggests: bool = False
    adjudicates: bool = False
    material: Material = field(default_factory=Material)
