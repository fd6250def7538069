"""Labels from a causal language model on this machine, by the ``transformers`` library."""

import time
from collections.abc import Sequence

from annotator.codebook import Codebook
from annotator.labeling.generation import ChatModel, Conversation
from annotator.labeling.prompts import Prompts
from annotator.labeling.protocol import Confidence, MachineLabel, Unit
from annotator.labeling.reading import Reply, read_label, to_row

_LABEL_SLACK = 4  # tokens for a blank, a quote, a full stop and the end
_CONFIDENCE_TOKENS = 8


class TransformersAnnotator:
    """Labels in batches of similar length, decoding greedily: the same texts get the same labels.

    The second question continues the same conversation. ``logprob`` is always filled. Replies are not
    cached: they cost no money, and a restart goes by the written table. No text leaves the machine.

    Args:
        name: the annotator's name in the table.
        model_path: a folder, or the model's id on the hub; loaded once, when first needed.
        prompts: the words to use.
        codebook: the codes that count.
        confidence: ``verbalized`` asks a second question; ``logprob`` takes the probability of the
            code's tokens; ``none`` gives neither.
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
        batch_size: int = 32,
        device: str | None = None,
    ) -> None:
        self.name = name
        self._prompts = prompts
        self._names = codebook.names
        self._confidence = confidence
        self._batch_size = batch_size
        self._model = ChatModel(model_path, device, (prompts.label("0"), prompts.label("z")))

    def label(self, units: Sequence[Unit]) -> list[MachineLabel]:
        """One row a unit, in the same order.

        Raises:
            ServiceError: the model cannot be loaded, or takes no conversations.
        """
        by_length = sorted(range(len(units)), key=lambda position: len(units[position].text))
        rows: dict[int, MachineLabel] = {}
        for start in range(0, len(units), self._batch_size):
            positions = by_length[start : start + self._batch_size]
            labelled = self._label_batch([units[position] for position in positions])
            rows.update(zip(positions, labelled, strict=True))
        return [rows[position] for position in range(len(units))]

    def check(self) -> str:
        """Load the model, have it answer once, and say where it runs.

        Raises:
            ServiceError: the model cannot be loaded, or takes no conversations.
        """
        self._model.reply([self._prompts.label("OK")], 1)
        return f"{self._model.path} runs on {self._model.device}"

    def _label_batch(self, units: Sequence[Unit]) -> list[MachineLabel]:
        texts = [unit.text.encode("utf-8", "replace").decode("utf-8") for unit in units]
        most = self._model.longest(self._names) + _LABEL_SLACK
        replies = [[reply] for reply in self._ask([self._prompts.label(text) for text in texts], most)]
        if self._confidence == "verbalized":
            labels = [read_label(first.outcome, self._names)[0] for [first] in replies]
            coded = [i for i, label in enumerate(labels) if label is not None]
            questions = [self._prompts.confidence(texts[i], labels[i] or "") for i in coded]
            for i, second in zip(coded, self._ask(questions, _CONFIDENCE_TOKENS), strict=True):
                replies[i].append(second)
        return [self._row(unit, said) for unit, said in zip(units, replies, strict=True)]

    def _row(self, unit: Unit, replies: Sequence[Reply]) -> MachineLabel:
        return to_row(
            unit,
            replies,
            annotator=self.name,
            prompt_hash=self._prompts.digest,
            names=self._names,
            elicitation=self._confidence,
        )

    def _ask(self, conversations: Sequence[Conversation], most_tokens: int) -> list[Reply]:
        """Replies to one batch, which share its time evenly."""
        started = time.perf_counter()
        outcomes = self._model.reply(conversations, most_tokens)
        seconds = (time.perf_counter() - started) / max(1, len(outcomes))
        return [Reply(outcome, attempts=1, seconds=seconds) for outcome in outcomes]
