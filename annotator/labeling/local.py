"""Labels from a causal language model on this machine, by the ``transformers`` library."""

import time
from collections.abc import Sequence
from functools import cached_property
from itertools import islice

from annotator.codebook import Codebook
from annotator.labeling import structured
from annotator.labeling.by_length import label_by_length
from annotator.labeling.cache import cache_key
from annotator.labeling.dialogue import Question, Role, Variation, begin, go_on
from annotator.labeling.elicitation import Elicitation
from annotator.labeling.generation import ChatModel
from annotator.labeling.noise import Sampling
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit
from annotator.labeling.reading import Reply
from annotator.labeling.spelling import spelling

_LABEL_SLACK = 4  # tokens for a blank, a quote, a full stop and the end
_CONFIDENCE_TOKENS = 8


class TransformersAnnotator:
    """Labels in batches of similar length: the same texts get the same labels, sampled ones too.

    The second question continues the same conversation. ``logprob`` is always filled. Replies are not
    cached: they cost no money, and a restart goes by the written table. No text leaves the machine.

    Args:
        name: the annotator's name in the table.
        model_path: a folder, or the model's id on the hub; loaded once, when first needed.
        prompts: the words to use.
        codebook: the codes that count.
        confidence: how it is elicited.
        variation: how the first question is asked again, if it is.
        batch_size: texts decoded together.
        device: where to run, such as ``cuda:1``; None means the GPU if there is one, else the CPU.
    """

    def __init__(
        self,
        name: str,
        *,
        model_path: str,
        prompts: Prompts,
        codebook: Codebook,
        confidence: Confidence = "verbalized",
        variation: Variation | None = None,
        batch_size: int = 32,
        device: str | None = None,
    ) -> None:
        self.name = name
        self._asked = Elicitation(name, codebook, prompts, confidence, variation or Variation())
        self._batch_size = batch_size
        examples = [(words.label("0"), words.label("z")) for words in self._asked.wordings]
        self._model = ChatModel(model_path, device, examples)

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order.

        Raises:
            ServiceError: the model cannot be loaded, or takes no conversations.
        """
        return label_by_length(units, self._batch_size, self._label_batch)

    def check(self) -> str:
        """Load the model, have it answer once, and say where it runs.

        Raises:
            ServiceError: the model cannot be loaded, or takes no conversations.
        """
        self._model.reply([self._asked.prompts.label("OK")], 1)
        return f"{self._model.path} runs on {self._model.device}"

    def _label_batch(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """Lead the dialogues about some units in step with each other."""
        dialogues = [self._asked.dialogue(unit) for unit in units]
        steps = [begin(dialogue) for dialogue in dialogues]
        while waiting := {place: step for place, step in enumerate(steps) if isinstance(step, list)}:
            replies = iter(self._ask([question for step in waiting.values() for question in step]))
            for place, step in waiting.items():
                steps[place] = go_on(dialogues[place], list(islice(replies, len(step))))
        return [step for step in steps if isinstance(step, MachineLabel)]

    def _ask(self, questions: Sequence[Question]) -> list[Reply]:
        """The replies in order; questions of one kind and wording are answered together."""
        alike: dict[tuple[object, ...], list[int]] = {}
        for place, question in enumerate(questions):
            kind = (question.role, question.wording, question.sample is None)
            alike.setdefault(kind, []).append(place)
        replies: dict[int, Reply] = {}
        for places in alike.values():
            for start in range(0, len(places), self._batch_size):
                part = places[start : start + self._batch_size]
                answered = self._answer([questions[place] for place in part])
                replies.update(zip(part, answered, strict=True))
        return [replies[place] for place in range(len(questions))]

    def _answer(self, questions: Sequence[Question]) -> list[Reply]:
        """Replies to one batch of questions of one kind, which share its time evenly."""
        started = time.perf_counter()
        outcomes = self._model.reply(
            [question.messages for question in questions],
            self._most_tokens[questions[0].role],
            wording=questions[0].wording,
            sampling=self._sampling(questions),
        )
        seconds = (time.perf_counter() - started) / len(outcomes)
        return [Reply(outcome, attempts=1, seconds=seconds) for outcome in outcomes]

    @cached_property
    def _most_tokens(self) -> dict[Role, int]:
        codebook = self._asked.codebook
        spelt = list(spelling(codebook).values())
        longest = self._model.longest([";".join(spelt)] if codebook.is_multilabel else spelt)
        room = structured.most_tokens(codebook)
        return {"label": longest + _LABEL_SLACK, "confidence": _CONFIDENCE_TOKENS, "structured": room}

    def _sampling(self, questions: Sequence[Question]) -> Sampling | None:
        """The seeds of sampled replies: by text and place among the samples, not by batch."""
        variation = self._asked.variation
        if questions[0].sample is None:
            return None
        seeds = [cache_key(seed=variation.seed, sample=q.sample, messages=q.messages) for q in questions]
        return Sampling(variation.temperature, tuple(int(seed[:15], 16) for seed in seeds))
