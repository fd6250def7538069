"""A causal language model on this machine that answers conversations, many at a time."""

import copy
import itertools
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from annotator.errors import ServiceError
from annotator.labeling.completion import Completion, Tokens
from annotator.labeling.faults import Fault
from annotator.labeling.likelihood import Step, likelihood
from annotator.labeling.loading import load_model, load_tokenizer
from annotator.labeling.noise import Noise, Sampling
from annotator.labeling.prompts import Message
from annotator.labeling.threads import own_threads

Conversation = Sequence[Message]

_WHAT = "a causal language model"
_SEAM = 2  # tokens before the point where prompts part that a tokenizer may merge with what follows


class _Prefix(NamedTuple):
    """Tokens that all prompts begin with, and what the model's attention remembers of them."""

    tokens: list[int]
    memory: Any


class ChatModel:
    """The likeliest or sampled replies of a model with a chat template, loaded once, when first needed.

    On the CPU it runs in single precision, on a GPU in the precision of its weights. The beginning that all
    prompts share (the codebook) is read once, not once a text: same replies, a third of the time.

    Args:
        path: a folder, or a hub id.
        device: such as ``cpu`` or ``cuda:1``; None means the GPU if there is one, else the CPU.
        examples: for each wording two conversations that differ only where all do; what they begin with is
            shared.
    """

    def __init__(
        self, path: str, device: str | None, examples: Sequence[tuple[Conversation, Conversation]]
    ) -> None:
        self.path = path
        self._wanted_device = device
        self._examples = examples
        self._prefixes: dict[int, _Prefix] = {}
        self._pieces: dict[int, str] = {}

    @property
    def device(self) -> str:
        """Where the model runs."""
        return str(self._model.device)

    def longest(self, names: Iterable[str]) -> int:
        """The most tokens any of these names takes."""
        encoded = self._tokenizer(list(names), add_special_tokens=False)["input_ids"]
        return max(map(len, encoded))

    def reply(
        self,
        conversations: Sequence[Conversation],
        most_tokens: int,
        *,
        wording: int = 0,
        sampling: Sampling | None = None,
    ) -> list[Completion | Fault]:
        """One reply a conversation, in order, decoded together as one batch.

        A conversation that does not fit the model gets a fault. ``wording`` says which examples they are
        like, ``sampling`` (one seed a conversation) that replies are drawn; None takes the likeliest.

        Raises:
            ServiceError: the model cannot be loaded, or has no chat template that takes these turns.
        """
        prompts = self._tokens(conversations)
        room = self._context - most_tokens
        is_fitting = [len(prompt) <= room for prompt in prompts]
        fitting = list(itertools.compress(prompts, is_fitting))
        noise = None if sampling is None else sampling.of(is_fitting)
        with own_threads(self._model):
            completions = iter(self._complete(fitting, most_tokens, wording, noise))
        return [next(completions) if len(prompt) <= room else self._misfit(prompt) for prompt in prompts]

    def _misfit(self, prompt: list[int]) -> Fault:
        message = f"the prompt of {len(prompt)} tokens does not fit the model's {self._context}"
        return Fault("refused", message)

    def _tokens(self, conversations: Sequence[Conversation]) -> list[list[int]]:
        from jinja2 import TemplateError  # noqa: PLC0415

        try:
            texts = [
                self._tokenizer.apply_chat_template(
                    [{"role": turn["role"], "content": self._as_words(turn["content"])} for turn in turns],
                    tokenize=False,
                    add_generation_prompt=True,
                    enable_thinking=False,
                )
                for turns in conversations
            ]
        except (TemplateError, ValueError) as error:
            raise ServiceError(
                f"the model {self.path} takes no conversation of system and user turns: {error}",
                hint="Use a model that was tuned for conversations and has a chat template.",
            ) from error
        encoded: list[list[int]] = self._tokenizer(texts, add_special_tokens=False)["input_ids"]
        return encoded

    def _as_words(self, content: str) -> str:
        """The content with nothing in it that the tokenizer takes for the end of a turn or the like."""
        for token in self._control_tokens:
            content = content.replace(token, f"{token[0]}\N{ZERO WIDTH SPACE}{token[1:]}")
        return content

    def _complete(
        self, prompts: list[list[int]], most_tokens: int, wording: int, sampling: Sampling | None
    ) -> list[Completion]:
        import torch  # noqa: PLC0415 (slow to import)

        if not prompts:
            return []
        try:
            with torch.inference_mode():
                return self._generate(prompts, most_tokens, wording, sampling)
        except torch.OutOfMemoryError:
            if len(prompts) == 1:
                raise
        is_first = [place < len(prompts) // 2 for place in range(len(prompts))]
        return [
            completion
            for is_part in (is_first, [not first for first in is_first])
            for completion in self._complete(
                list(itertools.compress(prompts, is_part)),
                most_tokens,
                wording,
                None if sampling is None else sampling.of(is_part),
            )
        ]

    def _generate(
        self, prompts: list[list[int]], most_tokens: int, wording: int, sampling: Sampling | None
    ) -> list[Completion]:
        import torch  # noqa: PLC0415

        prefix = self._prefix(wording)
        shared = prefix if _all_begin_with(prompts, prefix.tokens) else _Prefix([], None)
        rests = [prompt[len(shared.tokens) :] for prompt in prompts]
        padded = self._tokenizer.pad({"input_ids": rests}, padding_side="left", return_tensors="pt")
        start = torch.tensor([shared.tokens] * len(prompts), dtype=torch.long)
        tokens = torch.cat([start, padded["input_ids"]], dim=1)
        mask = torch.cat([torch.ones_like(start), padded["attention_mask"]], dim=1)
        memory = copy.deepcopy(shared.memory)
        if memory is not None:
            memory.batch_repeat_interleave(len(prompts))
        output = self._model.generate(
            input_ids=tokens.to(self._model.device),
            attention_mask=mask.to(self._model.device),
            past_key_values=memory,
            max_new_tokens=most_tokens,
            do_sample=False,
            logits_processor=[] if sampling is None else [Noise(sampling, str(self._model.device))],
            return_dict_in_generate=True,
            output_logits=True,
        )
        said = output.sequences[:, tokens.shape[1] :].cpu()
        return [
            self._completion(len(prompt), ids, steps)
            for prompt, ids, steps in zip(
                prompts, said.tolist(), likelihood(output.logits, said), strict=True
            )
        ]

    def _completion(self, tokens_in: int, ids: list[int], steps: list[Step]) -> Completion:
        ends = [position for position, token in enumerate(ids) if token in self._end_tokens]
        body = ids[: ends[0]] if ends else ids
        so_far = [self._decode(body[:length]) for length in range(len(body) + 1)]
        pieces = [after[len(before) :] for before, after in itertools.pairwise(so_far)]
        return Completion(
            text=so_far[-1],
            ending="stop" if ends else "length",
            tokens_in=tokens_in,
            tokens_out=len(body) + bool(ends),
            logprobs=tuple((piece, step.logprob) for piece, step in zip(pieces, steps, strict=False)),
            likeliest=tuple(self._likeliest(step) for step in steps[: len(body)]),
        )

    def _likeliest(self, step: Step) -> Tokens:
        return tuple((self._piece(token), logprob) for token, logprob in step.likeliest)

    def _piece(self, token: int) -> str:
        """The text of a single token."""
        if token not in self._pieces:
            self._pieces[token] = self._decode([token])
        return self._pieces[token]

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _prefix(self, wording: int) -> _Prefix:
        """What every prompt of a wording begins with; empty for models whose memory cannot be reused."""
        if wording not in self._prefixes:
            self._prefixes[wording] = self._read_prefix(*self._examples[wording])
        return self._prefixes[wording]

    def _read_prefix(self, *examples: Conversation) -> _Prefix:
        import torch  # noqa: PLC0415
        from transformers import DynamicCache  # noqa: PLC0415
        from transformers.cache_utils import DynamicLayer  # noqa: PLC0415

        one, other = self._tokens(examples)
        parting = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
        tokens = one[: max(0, parting - _SEAM)]
        if not tokens or len(tokens) > self._context:
            return _Prefix([], None)
        with torch.inference_mode():
            output = self._model(torch.tensor([tokens], device=self._model.device), use_cache=True)
        memory = output.past_key_values
        if type(memory) is not DynamicCache or any(
            type(layer) is not DynamicLayer for layer in memory.layers
        ):
            return _Prefix([], None)
        return _Prefix(tokens, memory)

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = load_tokenizer(self.path, _WHAT)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer

    @cached_property
    def _control_tokens(self) -> tuple[str, ...]:
        added = self._tokenizer.added_tokens_decoder.values()
        return tuple(token.content for token in added if token.special)

    @cached_property
    def _model(self) -> Any:
        import transformers  # noqa: PLC0415

        model = load_model("AutoModelForCausalLM", self.path, _WHAT, self._wanted_device)
        # What the model's author recommends for sampling would only disturb greedy decoding.
        ends = model.generation_config.eos_token_id
        settings: Any = transformers.GenerationConfig
        model.generation_config = settings(
            eos_token_id=self._tokenizer.eos_token_id if ends is None else ends,
            pad_token_id=self._tokenizer.pad_token_id,
            bos_token_id=model.generation_config.bos_token_id,
        )
        return model

    @cached_property
    def _end_tokens(self) -> frozenset[int]:
        ends = self._model.generation_config.eos_token_id
        return frozenset(ends if isinstance(ends, list) else [ends])

    @cached_property
    def _context(self) -> int:
        """The most tokens of prompt and reply together."""
        config = self._model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 1 << 30)


def _all_begin_with(prompts: list[list[int]], tokens: list[int]) -> bool:
    return all(len(prompt) > len(tokens) and prompt[: len(tokens)] == tokens for prompt in prompts)
