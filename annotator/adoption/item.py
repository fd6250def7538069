"""What codes from before the study look like, wherever they come from."""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Answer:
    """What one coder said: the words chosen, none where the text was skipped or nothing was chosen."""

    coder: str
    words: tuple[str, ...]
    annotation_id: int
    updated_at: pd.Timestamp
    lead_time: float | None = None
    skipped: bool = False
    suggested: bool = False


@dataclass(frozen=True)
class Item:
    """Something that was to be coded, such as a task or a row of a table.

    Attributes
    ----------
    place : str
        Where it stands, for people.
    unit : str, optional
        The id it gives for its unit, if a field with ids is named.
    texts : tuple of str
        What may be the unit's text.
    is_text : bool
        Whether the text is known to be the one of ``texts``, so that another one tells of a wrong id.
    answers : tuple of Answer
    """

    place: str
    unit: str | None
    texts: tuple[str, ...]
    is_text: bool
    answers: tuple[Answer, ...]
