"""What can go wrong with a classifier. Every message says where, and what to do."""


class CannotFitError(ValueError):
    """The given examples, labels or settings do not bear a fit."""


class CheckpointError(ValueError):
    """A checkpoint cannot be written, read, or does not belong here."""


class UnreachableError(Exception):
    """A server, such as a hub of models, does not answer now: nothing given is wrong, so no ValueError."""
