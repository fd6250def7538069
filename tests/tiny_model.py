"""A chat model small enough to be trained within a test session: it knows a dozen sentences by heart."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from annotator.codebook import Code, Codebook
from annotator.labeling.prompts import Message, Prompts

CODEBOOK = Codebook(
    question="What is it about?",
    labels=(Code(name="health"), Code(name="health care costs"), Code(name="other")),
)
TEXTS = {
    "The doctor was kind": "health",
    "My back hurts": "health",
    "I sleep badly": "health",
    "The surgery bill is too high": "health care costs",
    "Nobody can pay for pills": "health care costs",
    "Insurance got dearer again": "health care costs",
    "The roads are broken": "other",
    "Too much noise at night": "other",
    "I like trains": "other",
}
CONFIDENCE = {"health": "90%", "health care costs": "75%", "other": "60%"}

_SPECIAL = ["<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_STEPS = 120


def _conversations() -> list[list[Message]]:
    prompts = Prompts(CODEBOOK)
    return [
        [*prompts.confidence(text, label), {"role": "assistant", "content": CONFIDENCE[label]}]
        for text, label in TEXTS.items()
    ]


def _tokenizer(conversations: list[list[Message]]) -> Any:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator((turn["content"] for turns in conversations for turn in turns), trainer)
    fast: Any = transformers.PreTrainedTokenizerFast
    tokenizer = fast(tokenizer_object=bpe, pad_token="<|pad|>", eos_token="<|end|>", padding_side="right")
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _targets(tokens: torch.Tensor, assistant: int, end: int) -> torch.Tensor:
    """The tokens of the assistant's turns, and -100 where nothing is to be learnt."""
    targets = torch.full_like(tokens, -100)
    for row, ids in enumerate(tokens.tolist()):
        speaking = False
        for position, token in enumerate(ids):
            if speaking:
                targets[row, position] = token
            speaking = token == assistant or (speaking and token != end)
    return targets


def build(folder: Path) -> Path:
    """Train the model (a few seconds) and save it with its tokenizer into ``folder``."""
    conversations = _conversations()
    tokenizer = _tokenizer(conversations)
    texts = [tokenizer.apply_chat_template(turns, tokenize=False) for turns in conversations]
    batch = tokenizer(texts, padding=True, add_special_tokens=False, return_tensors="pt")
    end, assistant = tokenizer.convert_tokens_to_ids(["<|end|>", "<|assistant|>"])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=512,
            pad_token_id=0,
            eos_token_id=end,
            bos_token_id=None,
        )
        model: Any = transformers.LlamaForCausalLM(config)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        targets = _targets(batch["input_ids"], assistant, end)
        for _ in range(_STEPS):
            loss = model(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=targets
            ).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
