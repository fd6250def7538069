"""What is asked about one unit, in which order, and what the replies add up to.

The same for every kind of model: see ``dialogue``.

Sources: verbalized confidence, Tian et al. (2023), "Just Ask for Calibration"; self-consistency, Wang et al.
(2023), "Self-Consistency Improves Chain of Thought Reasoning"; the order of the codes, Pezeshkpour and
Hruschka (2024), "Large Language Models Sensitivity to The Order of Options in Multiple-Choice Questions".
"""

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from annotator import label_sets
from annotator.codebook import Codebook
from annotator.labeling import reading
from annotator.labeling.completion import Completion
from annotator.labeling.dialogue import Dialogue, Question, Variation
from annotator.labeling.faults import Fault
from annotator.labeling.prompts import Message, Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit
from annotator.labeling.reading import Evidence, Reply, read_label, read_probability
from annotator.labeling.structured import Said

Pictures = Callable[[str], str | Fault]
"""From the place of an image to the address that stands for it in a message."""


@dataclass(frozen=True)
class Elicitation:
    """The questions of one annotator.

    Attributes:
        annotator: its name.
        codebook: the codes that count.
        prompts: its own words.
        confidence: what the column ``confidence`` holds.
        variation: how it is asked again.
        pictures: how images are read; None where the model is shown none.
    """

    annotator: str
    codebook: Codebook
    prompts: Prompts
    confidence: Confidence = "verbalized"
    variation: Variation = field(default_factory=Variation)
    pictures: Pictures | None = None

    @property
    def as_json(self) -> bool:
        """Whether label and confidence are asked for at once."""
        return self.confidence == "structured"

    @cached_property
    def wordings(self) -> list[Prompts]:
        """All prompts: the annotator's own, the shuffled, the paraphrased."""
        return [self.prompts, *self.variation.shuffled, *self.variation.paraphrased]

    @cached_property
    def digest(self) -> str:
        """A short hash of all words but the texts'."""
        if len(self.wordings) == 1:
            return self.prompts.digest
        return hashlib.sha256("".join(each.digest for each in self.wordings).encode()).hexdigest()[:16]

    def same(self, unit: Unit) -> tuple[object, ...]:
        """Units with the same key are asked about in the same words."""
        own = self.prompts.own_examples(unit.text, unit.unit_id)
        return unit.text, unit.image if self.pictures else None, own

    def dialogue(self, unit: Unit) -> Dialogue:
        """The questions about one unit, and in the end its row."""
        text = unit.text.encode("utf-8", "replace").decode("utf-8")
        image = None if self.pictures is None or unit.image is None else self.pictures(unit.image)
        if isinstance(image, Fault):
            return self._row(unit, Evidence(Said(None, image.status)), [Reply(image, 0, 0.0)])
        about = _About(self, unit.unit_id, text, image)
        evidence, replies = yield from about.label()
        if evidence.said.label is None:
            return self._row(unit, evidence, replies)
        evidence, more = yield from about.sureness(evidence)
        return self._row(unit, evidence, [*replies, *more])

    def _row(self, unit: Unit, evidence: Evidence, replies: Sequence[Reply]) -> MachineLabel:
        completions = [reply.outcome for reply in replies if isinstance(reply.outcome, Completion)]
        return MachineLabel(
            unit_id=unit.unit_id,
            annotator=self.annotator,
            label=evidence.said.label,
            confidence=evidence.confidence(self.confidence),
            logprob=evidence.logprob,
            status=evidence.said.status,
            raw="\n".join(reading.words(reply.outcome) for reply in replies),
            prompt_hash=self.digest,
            tokens_in=sum(completion.tokens_in for completion in completions),
            tokens_out=sum(completion.tokens_out for completion in completions),
            cost=sum(reply.cost for reply in replies),
            seconds=sum(reply.seconds for reply in replies),
            attempts=sum(reply.attempts for reply in replies),
            signals=evidence.signals,
        )


Steps = Generator[list[Question], list[Reply], tuple[Evidence, list[Reply]]]


@dataclass(frozen=True)
class _About:
    """The questions about one unit."""

    asked: Elicitation
    unit_id: str
    text: str
    image: str | None

    def label(self) -> Steps:
        """Which code? Once, or several times at a temperature, with JSON repaired once where it is broken."""
        codebook, as_json = self.asked.codebook, self.asked.as_json
        samples = range(self.asked.variation.samples) if self.asked.variation.samples else [None]
        questions = [self._question(0, sample) for sample in samples]
        replies = yield questions
        said = [read_label(reply.outcome, codebook, as_json=as_json) for reply in replies]
        outcomes = [reply.outcome for reply in replies]
        broken = [place for place, each in enumerate(said) if self._is_broken(each, outcomes[place])]
        if broken:
            repairs = yield [self._repair(questions[place], outcomes[place]) for place in broken]
            for place, reply in zip(broken, repairs, strict=True):
                again = read_label(reply.outcome, codebook, as_json=as_json)
                if again.label is not None and (again.is_whole or said[place].label is None):
                    said[place], outcomes[place] = again, reply.outcome
            replies = [*replies, *repairs]
        chosen = reading.most_frequent(said)
        label = said[chosen].label
        if label is None:
            return Evidence(said[chosen]), replies
        logprob, signals = reading.token_signals(outcomes[chosen], label, codebook, as_json=as_json)
        if self.asked.variation.samples:
            share = reading.agreement(label, zip(outcomes, said, strict=True))
            signals |= {} if share is None else {"agreement": share}
            if codebook.is_multilabel:
                signals |= reading.code_signals(reading.code_shares(said, codebook))
        stated = said[chosen].probability
        signals |= {} if stated is None else {"verbalized": stated}
        signals |= reading.code_signals(said[chosen].codes)
        return Evidence(said[chosen], logprob, signals), replies

    def sureness(self, known: Evidence) -> Steps:
        """How sure? The second question, and the first one in other words and orders."""
        label, variation = known.said.label or "", self.asked.variation
        wordings = range(1, len(self.asked.wordings))
        questions = [self._question(wording) for wording in wordings]
        if self.asked.confidence == "verbalized":
            turns = self.asked.prompts.confidence(self.text, label, self.unit_id)
            questions.append(Question(self._shown(turns), "confidence"))
        if not questions:
            return known, []
        replies = yield questions
        signals = dict(known.signals)
        if self.asked.confidence == "verbalized":
            probability = read_probability(replies[-1].outcome)
            signals |= {} if probability is None else {"verbalized": probability}
        outcomes = [reply.outcome for reply in replies[: len(wordings)]]
        said = [read_label(each, self.asked.codebook, as_json=self.asked.as_json) for each in outcomes]
        pairs = list(zip(outcomes, said, strict=True))
        n_shuffled = len(variation.shuffled)
        shares = {
            "shuffle_agreement": reading.agreement(label, pairs[:n_shuffled]),
            "paraphrase_agreement": reading.agreement(label, pairs[n_shuffled:]),
        }
        if self.asked.confidence == "prompt_agreement":
            shares["prompt_agreement"] = reading.agreement(label, pairs)
        signals |= {name: share for name, share in shares.items() if share is not None}
        signals |= self._positions(label, said[:n_shuffled])
        return Evidence(known.said, known.logprob, signals), replies

    def _question(self, wording: int, sample: int | None = None) -> Question:
        turns = self.asked.wordings[wording].label(self.text, self.unit_id)
        return Question(self._shown(turns), "structured" if self.asked.as_json else "label", sample, wording)

    def _is_broken(self, said: Said, outcome: Completion | Fault) -> bool:
        is_answer = isinstance(outcome, Completion) and outcome.ending == "stop"
        return self.asked.as_json and is_answer and not said.is_whole

    def _repair(self, question: Question, outcome: Completion | Fault) -> Question:
        turns = self.asked.prompts.repair(question.messages, reading.words(outcome))
        return Question(turns, "structured", question.sample)

    def _shown(self, turns: list[Message]) -> list[Message]:
        """The turns with the image beside the text, where there is one."""
        if self.image is None:
            return turns
        picture = {"type": "image_url", "image_url": {"url": self.image}}
        text = {"type": "text", "text": turns[1]["content"]}
        return [turns[0], {**turns[1], "content": [picture, text]}, *turns[2:]]

    def _positions(self, label: str, said: Sequence[Said]) -> dict[str, float]:
        """Where each code that was named stood in the list: the plain question is order 0."""
        variation, codebook = self.asked.variation, self.asked.codebook
        if not variation.shuffled:
            return {}
        shuffled = zip(variation.shuffled, said, strict=True)
        answers = [(n, prompts.order, each.label) for n, (prompts, each) in enumerate(shuffled, start=1)]
        if not variation.samples:
            answers.insert(0, (0, self.asked.prompts.order, label))
        return {
            f"shuffle:{place}:{name}": float(order.index(name) + 1)
            for place, order, answer in answers
            if answer is not None
            for name in _codes_of(answer, codebook)
        }


def _codes_of(label: str, codebook: Codebook) -> tuple[str, ...]:
    return (label_sets.split(label, codebook.names) or ()) if codebook.is_multilabel else (label,)
