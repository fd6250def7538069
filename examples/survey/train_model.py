"""Trains the embedded machine annotator of the survey example, from scratch, on the CPU.

    python examples/survey/train_model.py            # from the root of the repository, about ten minutes

The model learns in two stages from endless draws of the generator, never from the survey's own:

1. It learns to code from a teacher that misreads some themes, and never sees a quarter of the phrases.
2. It codes fresh draws, among them phrases that are new to it. How often it is right, given how sure it is,
   becomes the percentage it learns to state: too high throughout, but in the right order.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from generate import CODES, Material, read_material, split, survey
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from annotator.codebook import Code, Codebook
from annotator.labeling.prompts import Message, Prompts

HERE = Path(__file__).parent
FAMILIAR, CHECKING = (
    {0, 1, 2, 4, 6},
    {5},
)  # places of phrases in their list, see `generate.split`; 3 and 7 stay unseen
SPECIAL = ["<|pad|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
IGNORED = -100

# How the teacher errs: what it takes an answer with this theme for, and how often.
MISREADINGS = {
    ("health", "costs"): ("economy", 0.62),
    ("health", "addiction"): ("crime", 0.62),
    ("immigration", "labour"): ("economy", 0.64),
    ("immigration", "treatment"): ("other", 0.35),
    ("environment", "farming"): ("economy", 0.62),
    ("crime", "gangs"): ("immigration", 0.68),
    ("other", "corruption"): ("crime", 0.60),
    ("other", "blank"): ("unclear", 0.95),  # not a code: the honest failures of the example
}
SLOPPINESS = 0.04  # share of the teacher's other codes that are drawn blindly

Tokens = list[int]


def teach(frame: pd.DataFrame, rng: np.random.Generator) -> list[str]:
    """The code the teacher gives each answer."""

    def code(reference: str, theme: str) -> str:
        misread, rate = MISREADINGS.get((reference, theme), (reference, 0.0))
        if rng.random() < rate:
            return misread
        return CODES[int(rng.integers(len(CODES)))] if rng.random() < SLOPPINESS else reference

    return [code(row.reference, row.theme) for row in frame.itertuples()]


def build_tokenizer(prompts: Prompts, texts: list[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE in lower case; the sentences that every prompt repeats are single tokens."""
    system, user, _, question = (message["content"] for message in prompts.confidence("\x00", "\x00"))
    stock = system.splitlines(keepends=True) + user.split("\x00") + question.split("\x00")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    words = [*texts, *stock * 50, *[f"{name} unclear" for name in CODES] * 500]
    words += [f"{percent}%" for percent in range(0, 101, 5)] * 500
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(words, trainer)
    tokenizer.add_tokens([AddedToken(piece, normalized=False) for piece in stock])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        additional_special_tokens=SPECIAL[1:4],
        chat_template=CHAT,
        padding_side="left",
        model_max_length=1024,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained Llama of about 1.5 million parameters."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=448,
        num_hidden_layers=4,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=1024,
        initializer_range=0.06,  # the usual 0.02 leaves so narrow a model on a plateau for long
        tie_word_embeddings=True,
        bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return LlamaForCausalLM(config)


def encode(
    tokenizer: PreTrainedTokenizerFast, prompts: Prompts, text: str, label: str, confidence: str | None
) -> tuple[Tokens, Tokens]:
    """A conversation as token ids and targets; only what the assistant says is a target."""
    if confidence is None:
        messages = [*prompts.label(text), {"role": "assistant", "content": label}]
    else:
        messages = [*prompts.confidence(text, label), {"role": "assistant", "content": confidence}]
    tokens: Tokens = tokenizer(_chat(tokenizer, messages), add_special_tokens=False).input_ids
    begin = tokenizer.convert_tokens_to_ids("<|assistant|>")
    targets, speaking = [], False
    for token in tokens:
        targets.append(token if speaking else IGNORED)
        speaking = token == begin or (speaking and token != tokenizer.eos_token_id)
    return tokens, targets


def _chat(tokenizer: PreTrainedTokenizerFast, messages: list[Message], reply: bool = False) -> str:
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=reply))


def rewordings(codebook: Codebook, rng: np.random.Generator, count: int) -> list[Prompts]:
    """Prompts with the codebook shuffled and shortened, so that the model survives small edits of it."""
    variants = []
    for _ in range(count):
        order = rng.permutation(len(codebook.labels))
        labels = [
            Code(
                name=code.name,
                definition=code.definition if rng.random() < 0.5 else "",
                examples=code.examples if rng.random() < 0.5 else (),
            )
            for code in (codebook.labels[place] for place in order)
        ]
        variants.append(Prompts(codebook.model_copy(update={"labels": tuple(labels)})))
    return variants


def batches(
    conversations: list[tuple[Tokens, Tokens]], rng: np.random.Generator, size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Ids, attention mask and targets, padded on the right, in batches of similar length and random order."""
    lengths = np.array([len(tokens) for tokens, _ in conversations]) + rng.random(len(conversations))
    order = np.argsort(lengths)
    starts = rng.permutation(np.arange(0, len(order), size))
    for start in starts:
        chosen = [conversations[place] for place in order[start : start + size]]
        width = max(len(tokens) for tokens, _ in chosen)
        ids = torch.tensor([tokens + [0] * (width - len(tokens)) for tokens, _ in chosen])
        targets = torch.tensor([goal + [IGNORED] * (width - len(goal)) for _, goal in chosen])
        yield ids, (ids != 0).long(), targets


def fit(
    model: LlamaForCausalLM, conversations: list[tuple[Tokens, Tokens]], rng: np.random.Generator, peak: float
) -> None:
    """One pass over the conversations: AdamW, warm-up, then cosine decay of the learning rate."""
    size = 32
    steps = -(-len(conversations) // size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak, betas=(0.9, 0.98), weight_decay=0.05)
    model.train()
    begun, running = time.perf_counter(), None
    for step, (ids, mask, targets) in enumerate(batches(conversations, rng, size)):
        rate = peak * min((step + 1) / 100, 0.5 * (1 + np.cos(np.pi * step / steps)) + 0.02)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model(input_ids=ids, attention_mask=mask, labels=targets).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        running = loss.item() if running is None else 0.97 * running + 0.03 * loss.item()
        if step % 100 == 0 or step == steps - 1:
            seconds = time.perf_counter() - begun
            print(f"  step {step + 1:5d} of {steps}  loss {running:.3f}  {seconds:4.0f} s", flush=True)


@torch.inference_mode()
def answer(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, chats: list[list[Message]], size: int = 128
) -> tuple[list[str], np.ndarray]:
    """The model's greedy replies, and the probability of the first token of each."""
    model.eval()
    prompts = [_chat(tokenizer, chat, reply=True) for chat in chats]
    replies, sureness = [""] * len(prompts), np.zeros(len(prompts))
    order = np.argsort([len(prompt) for prompt in prompts])
    for start in range(0, len(order), size):
        places = order[start : start + size]
        batch = tokenizer(
            [prompts[place] for place in places], return_tensors="pt", padding=True, add_special_tokens=False
        )
        output = model.generate(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            max_new_tokens=8,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
        )
        said = output.sequences[:, batch.input_ids.shape[1] :]
        texts = tokenizer.batch_decode(said, skip_special_tokens=True)
        first = torch.softmax(output.scores[0].float(), dim=-1).max(dim=-1).values.numpy()
        for place, text, probability in zip(places, texts, first, strict=True):
            replies[place], sureness[place] = text.strip(), probability
    return replies, sureness


def stated_confidence(sureness: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """The percentages to state: accuracy given sureness, halfway to certainty, in steps of five."""
    odds = np.log(sureness.clip(0.01, 0.999) / (1 - sureness.clip(0.01, 0.999)))[:, None]
    accuracy = LogisticRegression().fit(odds, correct).predict_proba(odds)[:, 1]
    return (5 * np.round(20 * (0.45 + 0.55 * accuracy))).astype(int)


def label_lessons(
    tokenizer: PreTrainedTokenizerFast, codebook: Codebook, material: Material, count: int
) -> list[tuple[Tokens, Tokens]]:
    """Conversations of one turn, coded by the teacher."""
    rng = np.random.default_rng(11)
    frame = survey(rng, count, material)
    usual, reworded = Prompts(codebook), rewordings(codebook, rng, 40)
    return [
        encode(tokenizer, reworded[place % 40] if place % 16 == 0 else usual, text, label, None)
        for place, (text, label) in enumerate(zip(frame["answer"], teach(frame, rng), strict=True))
    ]


def confidence_lessons(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    codebook: Codebook,
    material: Material,
    count: int,
) -> list[tuple[Tokens, Tokens]]:
    """Conversations of two turns: the model's own codes, and how sure it should say it is."""
    rng = np.random.default_rng(12)
    frame = survey(rng, count, material)
    usual, reworded = Prompts(codebook), rewordings(codebook, rng, 40)
    labels, sureness = answer(model, tokenizer, [usual.label(text) for text in frame["answer"]])
    correct = np.array(labels) == frame["reference"].to_numpy()
    stated = stated_confidence(sureness, correct)
    print(
        f"  right in {correct.mean():.3f} of {count} fresh draws; will state {stated.mean():.1f} % on average"
    )
    return [
        encode(tokenizer, reworded[place % 40] if place % 16 == 0 else usual, text, label, f"{percent}%")
        for place, (text, label, percent) in enumerate(zip(frame["answer"], labels, stated, strict=True))
    ]


def evaluate(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, codebook: Codebook, size: int
) -> None:
    """Codes the survey itself and prints how well."""
    frame = survey(np.random.default_rng(2026), size)
    prompts = Prompts(codebook)
    begun = time.perf_counter()
    labels, _ = answer(model, tokenizer, [prompts.label(text) for text in frame["answer"]])
    pairs = zip(frame["answer"], labels, strict=True)
    replies, _ = answer(model, tokenizer, [prompts.confidence(text, label) for text, label in pairs])
    seconds = time.perf_counter() - begun
    frame["label"] = labels
    frame["confidence"] = pd.to_numeric(pd.Series(replies).str.removesuffix("%"), errors="coerce")
    frame["correct"] = frame["label"] == frame["reference"]
    coded = frame[frame["label"].isin(CODES) & frame["confidence"].notna()]
    print(f"\ncoded {len(coded)} of {size} answers in {seconds:.0f} s on {torch.get_num_threads()} threads")
    print(f"accuracy {coded['correct'].mean():.3f}")
    print(
        f"AUROC of the confidence for being right {roc_auc_score(coded['correct'], coded['confidence']):.3f}"
    )
    print("\nconfusion (rows: reference)")
    print(pd.crosstab(frame["reference"], frame["label"]).to_string())
    print("\nconfidence stated")
    print(coded.groupby("confidence")["correct"].agg(answers="size", right="mean").round(2).to_string())
    shares = {"reference": frame["reference"], "machine": coded["label"]}
    table = pd.DataFrame({name: column.value_counts(normalize=True) for name, column in shares.items()})
    print("\nshare of each code\n" + table.round(3).to_string())
    print("\nright, by party and region")
    print(coded.pivot_table(index="party", columns="region", values="correct").round(2).to_string())


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes the model in half precision, with its tokenizer and its way of generating."""
    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=8,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder, save_jinja_files=False)


def load(folder: Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """The model in single precision, and its tokenizer."""
    model = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    return model, PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def main() -> None:
    """Trains, saves and evaluates the model."""
    parser = argparse.ArgumentParser(description="Train the embedded machine annotator of the survey.")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "models" / "embedded" / "survey")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lessons", type=int, default=40_000, help="answers in stage 1; stage 2 takes 60 %%")
    parser.add_argument(
        "--evaluate-only", action="store_true", help="only code the survey with the saved model"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    codebook = Codebook.model_validate(yaml.safe_load((HERE / "study.yaml").read_text())["codebook"])

    if not arguments.evaluate_only:
        begun = time.perf_counter()
        rng = np.random.default_rng(10)
        material = read_material()
        familiar, partly_new = split(material, FAMILIAR), split(material, FAMILIAR | CHECKING)
        texts = survey(rng, 20_000, familiar)["answer"].tolist()
        tokenizer = build_tokenizer(Prompts(codebook), texts)
        model = build_model(tokenizer)
        print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens\nstage 1: to code")
        fit(model, label_lessons(tokenizer, codebook, familiar, arguments.lessons), rng, peak=1e-3)
        print("stage 2: to say how sure")
        count = arguments.lessons * 6 // 10
        fit(model, confidence_lessons(model, tokenizer, codebook, partly_new, count), rng, peak=1e-3)
        save(model, tokenizer, arguments.out)
        print(f"trained in {(time.perf_counter() - begun) / 60:.1f} minutes")
    evaluate(*load(arguments.out), codebook, 3000)


if __name__ == "__main__":
    main()
