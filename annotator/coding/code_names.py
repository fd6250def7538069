"""Names that a code may not have, since answers could not be told apart or the coders' page would break."""

from annotator.coding.form import CANNOT_CODE

_BOOLEANS = ("true", "false")


def refuse_unfit(name: str, *, has_label_studio: bool) -> None:
    """Raise ValueError for a name that reads as something else.

    >>> refuse_unfit("True", has_label_studio=True)
    >>> refuse_unfit("true", has_label_studio=True)
    Traceback (most recent call last):
    ValueError: no code may be called 'true' in Label Studio, which takes it for a setting of its page: ...
    """
    if name.casefold().startswith(CANNOT_CODE):
        raise ValueError(
            f"no code may start with '{CANNOT_CODE}', as the reasons of `coding.cannot_code` do: "
            "call it something else, such as 'unclear'"
        )
    if has_label_studio and name in _BOOLEANS:
        raise ValueError(
            f"no code may be called '{name}' in Label Studio, which takes it for a setting of its page: "
            f"call it yes or no, or '{name.capitalize()}'"
        )
