"""Every error a user can meet: what is wrong, where, and what to do about it.

Errors of others (an endpoint, Label Studio, a disk) are turned into these at the boundary where they
arise. Programmer errors pass through untouched.
"""


class AnnotatorError(Exception):
    """Base of all errors meant for a user.

    ``hint`` names the remedy. ``retryable`` says whether the same call may succeed later without
    anybody changing anything. ``exit_code`` is what the command line ends with.
    """

    retryable = False
    exit_code = 2

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class StudyError(AnnotatorError):
    """The study file is wrong, or no longer fits the study as it was started."""


class NotKnownYetError(StudyError):
    """An address or a token is not known yet; what comes before it is needed can be done without."""


class CorpusError(AnnotatorError):
    """The corpus cannot be read as the study file says."""


class EstimateRefusedError(AnnotatorError):
    """No honest estimate can be given from these labels."""


class NotEstimableError(EstimateRefusedError):
    """One estimand, of one group where it is asked by group, has no answer on the labels so far."""

    group = ""


class SpendingCapError(AnnotatorError):
    """A machine annotator's ``max_cost`` leaves no room for another request."""


class ServiceError(AnnotatorError):
    """A service refused or answered nonsense; trying again without a change will not help."""

    exit_code = 3


class ServiceUnavailableError(ServiceError):
    """A service did not answer, or asked to be called later."""

    retryable = True


class BusyError(AnnotatorError):
    """Another process is working on the same study."""

    retryable = True
    exit_code = 4
