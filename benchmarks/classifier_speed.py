"""Speed and size of the encoder classifier, against plain PyTorch and the `transformers` library.

    python benchmarks/classifier_speed.py [--texts 20000] [--width 256] [--layers 4] [--threads 2]

Encoders with random weights, of the size of common small ones, made on the fly; texts of mixed length
(lognormal, 8 to 240 words). Four questions, each side by side in this process:

* prediction: the same model through `EncoderClassifier` and through the text-classification pipeline at its
  defaults, on the same threads; probabilities must agree to 1e-4;
* a training step: our loop, a bare PyTorch loop of the same maths on the same batches, and the Trainer of
  `transformers` at the same settings (its batches are padded as they come);
* a checkpoint of LoRA as a share of a full one;
* the same training twice: the same weights.

Training steps run on one thread and count processor time, or time where there is a GPU, in rounds that
alternate, since the machine may do other things besides; the median counts. Without a GPU the pipeline gets
some of the texts, in turns with ours, and its time is scaled to all of them.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PrinterCallback, Trainer, TrainingArguments, pipeline

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import tiny_encoder

from models.encoder import EncoderClassifier
from models.encoder_config import EncoderConfig
from models.encoder_loss import losses
from models.encoder_network import Network, new_network
from models.encoder_tokens import Tokens, shuffled_batches
from models.encoder_training import Training, TrainingSet, repeatable, train
from models.label_map import LabelMap
from models.pretrained import loading
from models.saving import save

LABELS = LabelMap(("no", "yes", "unclear"))
WORDS = [a + b for a in "bdfgklmnprst" for b in ("an", "el", "ir", "ost", "um", "eth", "ock", "ay")]
BATCH, STEPS, ROUNDS = 16, 12, 6
CLOCK = time.perf_counter if torch.cuda.is_available() else time.process_time


def mixed_texts(n: int, rng: np.random.Generator) -> list[str]:
    """Texts of 8 to 240 words, median 30."""
    length = np.clip(np.exp(rng.normal(np.log(30), 0.9, n)), 8, 240).astype(int)
    return [" ".join(rng.choice(WORDS, words)) for words in length]


def prediction(classifier: EncoderClassifier, texts: list[str], threads: int) -> None:
    """Time of all texts through ours and of some through the pipeline, in turns, and how far they agree."""
    network = classifier._network
    assert network is not None
    torch.set_num_threads(threads)
    with loading():
        peer = pipeline(
            "text-classification", model=network.model, tokenizer=network.text.tokenizer, top_k=None
        )
    peer(texts[:20])
    classifier.predict_proba(texts[:200])
    n_some = min(len(texts), 2400 if network.device.type == "cpu" else len(texts))
    some = np.random.default_rng(2).permutation(len(texts))[:n_some]
    seconds, by_peer, ours, said = 0.0, 0.0, [], []
    for part, asked in zip(np.array_split(np.arange(len(texts)), 4), np.array_split(some, 4), strict=True):
        took, found = timed(lambda part=part: classifier.predict_proba([texts[i] for i in part]))
        by_pipeline, answers = timed(lambda asked=asked: peer([texts[i] for i in asked], truncation=True))
        seconds, by_peer = seconds + took, by_peer + by_pipeline * len(texts) / n_some
        ours.append(found)
        said += answers
    names = [f"LABEL_{k}" for k in range(LABELS.n_codes)]
    theirs = np.array([[next(c["score"] for c in row if c["label"] == n) for n in names] for row in said])
    off = np.abs(np.concatenate(ours)[some] - theirs).max()
    print(f"prediction of {len(texts):,} texts: ours {seconds:.1f} s, pipeline {by_peer:.1f} s")
    print(
        f"  {by_peer / seconds:.2f} times as fast (goal 2), largest difference {off:.1e} (goal 1e-4)",
        flush=True,
    )


def training(texts: list[str], config: EncoderConfig) -> None:
    """Seconds a step of our loop, of a bare one, and of the library's Trainer."""
    labels = np.random.default_rng(3).integers(0, LABELS.n_codes, len(texts))
    rounds: dict[str, list[float]] = {"ours": [], "bare": [], "trainer": []}
    loops = [("ours", our_loop), ("bare", bare_loop), ("trainer", trainer_loop)]
    for turn in range(ROUNDS):
        for name, loop in loops[turn % 3 :] + loops[: turn % 3]:
            network = new_network(config, LABELS)
            tokens = network.text.read(texts)
            data = TrainingSet(
                tokens, labels, np.ones(len(texts)), np.ones(3), np.arange(len(texts)), np.empty(0, np.int64)
            )
            rounds[name].append(loop(network, data, config) / (len(texts) / BATCH))
    ours, bare, trainer = (float(np.median(rounds[name])) for name in ("ours", "bare", "trainer"))
    ratio = float(np.median(np.array(rounds["ours"]) / rounds["bare"]))
    print(
        f"training step: ours {1e3 * ours:.1f} ms, bare {1e3 * bare:.1f} ms, Trainer {1e3 * trainer:.1f} ms"
    )
    print(f"  {ratio:.3f} of the bare loop (goal 1.1), {ours / trainer:.2f} of the Trainer", flush=True)


def our_loop(network: Network, data: TrainingSet, config: EncoderConfig) -> float:
    """Seconds of one epoch of ours."""
    return timed(lambda: train(network, data, Training(config, LABELS, seed=1)), CLOCK)[0]


def bare_loop(network: Network, data: TrainingSet, config: EncoderConfig) -> float:
    """Seconds of the same epoch written out: same batches, loss, clipping, schedule and optimiser."""
    tensors = [padded(data.tokens, rows) for rows in batches_of(data.tokens)]
    labels, one = torch.from_numpy(data.labels), torch.ones(LABELS.n_codes)
    moved = list(network.model.parameters())
    optimizer = torch.optim.AdamW(moved, lr=1e-5, weight_decay=config.weight_decay, fused=True)

    def epoch() -> float:
        network.model.train()
        total = 0.0
        for step, (rows, batch) in enumerate(zip(batches_of(data.tokens), tensors, strict=True)):
            loss = losses(network.model(**batch).logits, labels[rows], LABELS, one).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(moved, config.clip)
            for group in optimizer.param_groups:
                group["lr"] = 1e-5 * (1 - step / len(tensors))
            optimizer.step()
            optimizer.zero_grad()
            total += loss.item()
        return total

    return timed(epoch, CLOCK)[0]


def trainer_loop(network: Network, data: TrainingSet, config: EncoderConfig) -> float:
    """Seconds of one epoch of `transformers.Trainer`, with its own dynamic padding."""
    rows = [
        {**{name: ids[row] for name, ids in data.tokens.ids.items()}, "labels": int(data.labels[row])}
        for row in range(len(data.tokens))
    ]
    with tempfile.TemporaryDirectory() as folder, loading():
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=1e-5,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            dataloader_pin_memory=torch.cuda.is_available(),
        )
        trainer = Trainer(
            model=network.model, args=arguments, train_dataset=rows, processing_class=network.text.tokenizer
        )
        trainer.remove_callback(PrinterCallback)
        return timed(trainer.train, CLOCK)[0]


def batches_of(tokens: Tokens) -> list[Any]:
    """The batches of the first epoch of our loop with the seed 1."""
    return shuffled_batches(tokens.length, BATCH, np.random.default_rng([1, 0]))


def padded(tokens: Tokens, rows: Any) -> dict[str, torch.Tensor]:
    """A batch, padded beforehand: the bare loop pays nothing for it."""
    width = int(tokens.length[rows].max())
    return {
        name: torch.tensor([ids[row] + [0] * (width - len(ids[row])) for row in rows])
        for name, ids in tokens.ids.items()
    }


def sizes(texts: list[str], config: EncoderConfig) -> None:
    """Bytes of the checkpoints of the two methods, and whether a training repeats itself."""
    labels = np.random.default_rng(3).integers(0, LABELS.n_codes, len(texts))
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for method in ("full", "lora"):
            settings = EncoderConfig(**{**config.to_dict(), "method": method})
            pair = [
                EncoderClassifier(LABELS, settings).fit(texts, labels, None, np.random.default_rng(1))
                for _ in range(2)
            ]
            states = [one._network.model.state_dict() for one in pair if one._network is not None]
            same = all(torch.equal(weight, states[1][name]) for name, weight in states[0].items())
            save(pair[0], Path(folder) / method)
            found[method] = sum(file.stat().st_size for file in (Path(folder) / method).iterdir())
            twice = "yes" if same else "NO"
            print(f"{method} checkpoint: {found[method] / 1e6:.2f} MB, same weights twice: {twice}")
    share = 100 * found["lora"] / found["full"]
    print(f"  LoRA is {share:.2f} % of full (goal 5 %)", flush=True)


def timed(call: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> tuple[float, Any]:
    """Seconds of a call, and what it gave."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    begun = clock()
    result = call()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - begun, result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--texts", type=int, default=20_000)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=30_522)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    rng = np.random.default_rng(1)
    texts = mixed_texts(args.texts, rng)
    with tempfile.TemporaryDirectory() as folder, repeatable(1, torch.device("cpu")):
        base = tiny_encoder.build(
            Path(folder),
            texts[:2000],
            width=args.width,
            layers=args.layers,
            vocabulary=args.vocabulary,
            max_length=512,
        )
        config = EncoderConfig(base=str(base), epochs=1, held_out=0.0, batch_size=BATCH, learning_rate=1e-5)
        labels = np.arange(BATCH) % LABELS.n_codes
        classifier = EncoderClassifier(LABELS, config).fit(texts[:BATCH], labels, None, rng)
        weights = sum(w.numel() for w in classifier._network.model.parameters()) if classifier._network else 0
        words = np.mean([text.count(" ") + 1 for text in texts])
        print(f"{weights / 1e6:.1f} M weights, {args.threads} threads, {words:.0f} words a text", flush=True)
        sizes(texts[: 2 * BATCH], config)
        training(texts[: STEPS * BATCH], config)
        prediction(classifier, texts, args.threads)


if __name__ == "__main__":
    main()
