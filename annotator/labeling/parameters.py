"""What a request to an endpoint carries beside model and messages, by the kind of reply that is wanted."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from annotator.codebook import Codebook
from annotator.labeling import structured
from annotator.labeling.dialogue import Question, Role
from annotator.labeling.endpoint import Request

_ALTERNATIVES = 5  # the likeliest tokens of each place: more are refused by some endpoints


@dataclass(frozen=True)
class Parameters:
    """The same for all units of an annotator.

    Attributes:
        limit: the name of the token limit: OpenAI's own endpoint has a new one, the old one is common.
        max_tokens: most tokens of a reply that is one code or one number.
        temperature: of the likeliest reply, 0 or None to leave it to the endpoint.
        sampling_temperature: of sampled replies.
        logprobs: whether token probabilities are asked for.
        codebook: the codes that count.
    """

    limit: str
    max_tokens: int
    temperature: float | None
    sampling_temperature: float
    logprobs: bool
    codebook: Codebook

    def of(self, question: Question) -> dict[str, Any]:
        """The parameters of one request."""
        return self._by_kind[question.role, question.sample is not None]

    @cached_property
    def _by_kind(self) -> dict[tuple[Role, bool], dict[str, Any]]:
        roles: tuple[Role, ...] = ("label", "structured", "confidence")
        return {(role, sampled): self._of(role, sampled) for role in roles for sampled in (False, True)}

    def _of(self, role: Role, is_sampled: bool) -> dict[str, Any]:
        parameters: dict[str, Any] = {self.limit: self.max_tokens}
        temperature = self.sampling_temperature if is_sampled else self.temperature
        if temperature is not None:
            parameters["temperature"] = temperature
        if role == "structured":
            parameters[self.limit] = max(self.max_tokens, structured.most_tokens(self.codebook))
            parameters["response_format"] = structured.response_format(self.codebook)
        if role == "label" and self.codebook.is_multilabel:
            parameters[self.limit] = max(self.max_tokens, structured.most_tokens(self.codebook))
        if self.logprobs and role != "confidence":
            parameters |= {"logprobs": True, "top_logprobs": _ALTERNATIVES}
        return parameters

    def request(self, question: Question) -> Request:
        """The question as an endpoint is asked it."""
        parameters = self.of(question)
        return Request(question.messages, parameters, int(parameters[self.limit]), question.sample)

    def hint(self, role: Role) -> str:
        """What to try where the endpoint refuses a request."""
        also = ""
        if role == "structured":
            also += " If it does not know response_format with a JSON schema, use `confidence: verbalized`."
        if self.logprobs:
            also += " If it does not know logprobs, do without them."
        return f"Check the model's name and what the endpoint accepts.{also}"
