"""Trains the embedded encoder, from scratch, on the CPU.

    python -m models.embedded.train_encoder        # from the root of the repository, about ten minutes

It is there so that every command runs on a bare machine. What it knows of English comes from what every such
machine has: the documentation of Python's standard library, this repository's own prose, the fragments of the
survey example, and the words of VADER's lexicon. That is little, so it does not start from nothing: words
that keep the same company have similar vectors, and attention at first takes the mean of all words. Then
three lessons at once on each text:

1. a hidden word is to be guessed from the words around it (Devlin et al. 2019);
2. the pooled vector, which classifiers start from, is to name the words of the text;
3. the pooled vector is to tell the text's VADER score (Hutto and Gilbert 2014).
"""

import argparse
import ast
import pydoc_data.topics
import re
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy import sparse
from scipy.sparse.linalg import svds
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import WordPiece
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from models.arrays import FloatArray, IntArray

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
MASK = 4
VOCABULARY, WIDTH, LAYERS, HEADS, MAX_LENGTH = 8000, 128, 2, 4, 256
WINDOW = 4
HIDDEN_SHARE = 0.15
BATCH_TOKENS = 3072


def sentences(text: str) -> list[str]:
    """Sentences of running prose; code, tables and headings are left out."""
    parts = re.split(r"(?<=[.!?])\s+|\n\s*\n", re.sub(r"[`*_]+", "", text))
    plain = (" ".join(part.split()) for part in parts)
    return [
        part
        for part in plain
        if 25 <= len(part) <= 400
        and sum(letter.isalpha() or letter == " " for letter in part) > 0.9 * len(part)
    ]


def documentation() -> list[str]:
    """Sentences of the language reference, of the library's docstrings and of this repository."""
    texts = list(pydoc_data.topics.topics.values())
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py")):
        if "site-packages" not in path.parts and "test" not in path.parts:
            texts += docstrings(path)
    texts += [path.read_text("utf-8") for path in sorted(ROOT.glob("docs/**/*.md"))]
    return sorted({sentence for text in texts for sentence in sentences(text)})


def docstrings(path: Path) -> list[str]:
    """The docstrings of one source file; none of a file that is no valid source."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (SyntaxError, UnicodeDecodeError, ValueError):
        return []
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, owners)]


def fragments() -> list[str]:
    """Every piece of text of the survey example."""

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict | list):
            for each in node.values() if isinstance(node, dict) else node:
                yield from walk(each)

    return sorted(set(walk(yaml.safe_load((ROOT / "examples/survey/phrases.yaml").read_text("utf-8")))))


def opinion(rng: np.random.Generator, pieces: list[str], words: list[str]) -> str:
    """A few fragments, among them words that carry feeling."""
    frames = (
        "it was {}",
        "the {} was {}",
        "so {}",
        "I feel {}",
        "not {}",
        "{} and {}",
        "very {}",
        "they are {}",
    )
    said = [str(rng.choice(pieces)) for _ in range(rng.integers(0, 3))]
    for frame in rng.choice(frames, rng.integers(1, 3)):
        said.insert(int(rng.integers(len(said) + 1)), frame.format(*rng.choice(words, frame.count("{}"))))
    return ". ".join(said)


def build_tokenizer(texts: list[str], words: list[str]) -> Any:
    """WordPiece in lower case, without accents."""
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator([*texts, *words * 3], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    fast: Any = PreTrainedTokenizerFast
    return fast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


class Lessons(nn.Module):
    """The encoder with what only its training needs."""

    def __init__(self, n_tokens: int) -> None:
        super().__init__()
        self.encoder = BertModel(
            BertConfig(
                vocab_size=n_tokens,
                hidden_size=WIDTH,
                num_hidden_layers=LAYERS,
                num_attention_heads=HEADS,
                intermediate_size=4 * WIDTH,
                max_position_embeddings=MAX_LENGTH,
                initializer_range=0.02,
                pad_token_id=0,
            )
        )
        self.guess = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.LayerNorm(WIDTH))
        self.guess_bias = nn.Parameter(torch.zeros(n_tokens))
        self.content = nn.Linear(WIDTH, n_tokens)
        self.feeling = nn.Linear(WIDTH, 1)

    @torch.no_grad()
    def start(self, vectors: FloatArray) -> None:
        """Begin with word vectors (n_tokens, WIDTH), and with layers that pass on the mean of all words."""
        encoder: Any = self.encoder
        encoder.embeddings.word_embeddings.weight.copy_(torch.from_numpy(vectors))
        for layer in encoder.encoder.layer:
            for part in (layer.attention.self.value, layer.attention.output.dense):
                part.weight += 1.5 * torch.eye(WIDTH)
        encoder.pooler.dense.weight += torch.eye(WIDTH)

    def loss(self, tokens: torch.Tensor, score: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """The three lessons on one batch: token ids (n, t), VADER scores (n,)."""
        real = tokens >= len(SPECIAL)
        chosen = real & (torch.rand(tokens.shape, generator=rng) < HIDDEN_SHARE)
        seen = self.encoder(
            input_ids=tokens.masked_fill(chosen, MASK), attention_mask=(tokens > 0).long(), return_dict=True
        )
        guess = self.guess(seen.last_hidden_state[chosen])
        table = self.encoder.embeddings.word_embeddings.weight
        words = nn.functional.cross_entropy(guess @ table.T + self.guess_bias, tokens[chosen])
        pooled = seen.pooler_output
        present = torch.zeros(len(tokens), table.shape[0]).scatter_(1, tokens, 1.0)
        present[:, : len(SPECIAL)] = 0.0
        share = present / present.sum(1, keepdim=True).clamp(min=1.0)
        content = -(share * self.content(pooled).log_softmax(-1)).sum(1).mean()
        feeling = nn.functional.mse_loss(self.feeling(pooled)[:, 0], score)
        total: torch.Tensor = words + content + 4.0 * feeling
        return total


def word_vectors(tokens: list[list[int]], n_tokens: int, rng: np.random.Generator) -> FloatArray:
    """Vectors (n_tokens, WIDTH) such that words of the same company are close.

    Singular vectors of positive pointwise mutual information within four words (Levy and Goldberg 2014).
    """
    counts: Any = sparse.csr_matrix((n_tokens, n_tokens))
    text = np.concatenate([[*ids, *[0] * WINDOW] for ids in tokens])
    for step in range(1, WINDOW + 1):
        near, far = text[:-step], text[step:]
        both = (near >= len(SPECIAL)) & (far >= len(SPECIAL))
        ones = np.full(int(both.sum()), 1.0 / step)
        counts += sparse.csr_matrix((ones, (near[both], far[both])), counts.shape)
    pairs = (counts + counts.T).tocoo()
    share = np.asarray(pairs.sum(axis=0)).ravel() / pairs.sum()
    information = np.log(pairs.data / pairs.sum() / (share[pairs.row] * share[pairs.col] ** 0.75))
    information -= np.log((share[share > 0] ** 0.25).mean())
    kept = information > 0
    matrix = sparse.csr_matrix((information[kept], (pairs.row[kept], pairs.col[kept])), pairs.shape)
    left, size, _ = svds(matrix, k=WIDTH, rng=rng)
    vectors = left * np.sqrt(size)
    vectors *= 0.05 / vectors.std()
    return np.asarray(vectors + 0.005 * rng.normal(size=vectors.shape))


def batches(tokens: list[list[int]], rng: np.random.Generator) -> Iterator[tuple[torch.Tensor, IntArray]]:
    """Padded ids of texts of similar length, and which texts they are, in random order."""
    length = np.array([len(each) for each in tokens]) + rng.random(len(tokens))
    order = np.argsort(length)
    starts = np.flatnonzero(np.diff(np.cumsum(length[order]) // BATCH_TOKENS, prepend=-1.0))
    pieces = np.split(order, starts[1:])
    for piece in rng.permutation(len(pieces)):
        chosen = pieces[piece]
        ids = torch.zeros(len(chosen), max(len(tokens[text]) for text in chosen), dtype=torch.long)
        for row, text in enumerate(chosen):
            ids[row, : len(tokens[text])] = torch.tensor(tokens[text])
        yield ids, chosen


def train(lessons: Lessons, tokens: list[list[int]], scores: FloatArray, passes: int) -> None:
    """AdamW, warm-up, then cosine decay of the learning rate."""
    rng, chance = np.random.default_rng(2), torch.Generator().manual_seed(2)
    steps = passes * sum(1 for _ in batches(tokens, np.random.default_rng(2)))
    optimizer = torch.optim.AdamW(lessons.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01)
    lessons.train()
    begun, running, step = time.perf_counter(), 0.0, 0
    for _ in range(passes):
        for ids, chosen in batches(tokens, rng):
            rate = 1.5e-3 * min((step + 1) / 200, 0.5 * (1 + np.cos(np.pi * min(1.0, step / steps))) + 0.02)
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = lessons.loss(ids, torch.tensor(scores[chosen], dtype=torch.float32), chance)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(lessons.parameters(), 1.0)
            optimizer.step()
            running = loss.item() if step == 0 else 0.98 * running + 0.02 * loss.item()
            if step % 200 == 0:
                seconds = time.perf_counter() - begun
                print(f"step {step:5d} of {steps}  loss {running:.3f}  {seconds:4.0f} s", flush=True)
            step += 1


def main() -> None:
    """Trains and saves the encoder in half precision, with its tokenizer."""
    parser = argparse.ArgumentParser(description="Train the embedded encoder.")
    parser.add_argument("--out", type=Path, default=HERE / "encoder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--passes", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    vader = SentimentIntensityAnalyzer()
    words = sorted(word for word in vader.lexicon if word.isalpha())
    prose, pieces = documentation(), fragments()
    opinions = [opinion(rng, pieces, words) for _ in range(20_000)]
    texts = [*prose, *opinions]
    tokenizer = build_tokenizer([*prose, *pieces], words)
    tokens = tokenizer(texts, truncation=True, max_length=128).input_ids
    scores = np.array([vader.polarity_scores(text)["compound"] for text in texts])
    lessons = Lessons(len(tokenizer))
    lessons.start(word_vectors(tokens, len(tokenizer), rng))
    print(
        f"{lessons.encoder.num_parameters():,} parameters, {len(prose):,} sentences of prose, "
        f"{sum(map(len, tokens)):,} tokens"
    )
    train(lessons, tokens, scores, arguments.passes)
    trained: Any = lessons.encoder
    trained.half().save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)


if __name__ == "__main__":
    main()
