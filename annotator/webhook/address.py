"""Where Label Studio reports new codes of a study, and the token that proves that it is Label Studio.

Each study has a token of its own, made from one secret and the study's name (HMAC-SHA256, RFC 2104). So a
receiver needs no list of studies, and whoever learns a token can hurry one study and no other.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field

import httpx

from annotator import services
from annotator.coders import LabelStudioCoding
from annotator.errors import ServiceError, ServiceUnavailableError, StudyError
from annotator.labeling.privacy import shown
from annotator.study import Study

SECRET_VARIABLE = "ANNOTATOR_WEBHOOK_SECRET"


@dataclass(frozen=True)
class Webhook:
    """A receiver's address for one study, and the study's token, which the ``repr`` does not show."""

    url: str
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What a request has to carry (RFC 6750)."""
        return {"Authorization": f"Bearer {self.token}"}

    def check(self) -> str:
        """Ask the receiver whether a report would start a run.

        Raises ServiceUnavailableError when it does not answer, ServiceError when it knows another secret or
        is no receiver.
        """
        place = shown(self.url)
        try:
            answer = httpx.get(self.url, headers=self.headers, timeout=30, trust_env=False)
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(
                f"no answer from {place} ({type(error).__name__})",
                hint="Is `annotator listen` running there? `annotator up` starts it on this machine.",
            ) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise ServiceError(
                f"{place} does not accept this study's token",
                hint=f"Set {SECRET_VARIABLE} to the same word here and for `annotator listen`.",
            )
        if answer.status_code != httpx.codes.OK:
            raise ServiceUnavailableError(f"{place} answers HTTP {answer.status_code}")
        return (
            place
            if _is_deployed(place, answer)
            else f"{place}, once `annotator deploy` has registered the flows"
        )


def _is_deployed(place: str, answer: httpx.Response) -> bool:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if isinstance(said, dict) and isinstance(said.get("deployed"), bool):
        return bool(said["deployed"])
    raise ServiceError(
        f"{place} answers, but is no `annotator listen`",
        hint="Give `coding.webhook` the address and port at which `annotator listen` runs.",
    )


def token(secret: str, study_name: str) -> str:
    """The token of a study, 64 hexadecimal digits.

    >>> token("secret", "one") == token("secret", "another")
    False
    """
    return hmac.new(secret.encode(), study_name.encode(), hashlib.sha256).hexdigest()


def path(study_name: str) -> str:
    """Where a receiver hears of the study.

    >>> path("survey")
    '/studies/survey'
    """
    return f"/studies/{study_name}"


def webhook(study: Study) -> Webhook | None:
    """The webhook of a study: ``coding.webhook``, or the receiver beside the Label Studio of `annotator up`.

    None where there is neither. Raises StudyError where the secret is not known.
    """
    match study.coding:
        case LabelStudioCoding(webhook=str(given)):
            return Webhook(given.rstrip("/") + path(study.name), token(_secret(study), study.name))
        case LabelStudioCoding(url=url):
            local = services.find(study.folder)
            if local is None or local.webhook_url is None or url not in {None, local.label_studio_url}:
                return None
            return Webhook(local.webhook_url + path(study.name), token(local.webhook_secret(), study.name))
        case _:
            return None


def _secret(study: Study) -> str:
    if secret := os.environ.get(SECRET_VARIABLE):
        return secret
    raise StudyError(
        f"{study.path}: `coding.webhook` names a receiver whose secret is not known",
        hint=f"Set {SECRET_VARIABLE} to what `annotator listen` was started with there.",
    )
