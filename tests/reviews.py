"""Invented reviews whose codes can be told from their words, for the tests of classifiers."""

import numpy as np

GOOD = ("great", "love", "excellent", "wonderful", "happy")
BAD = ("terrible", "hate", "awful", "horrible", "sad")
PLAIN = ("table", "chair", "street", "paper", "window")
FILLER = ("the", "shop", "was", "it", "and", "my", "phone", "there", "day", "food")


def sentence(rng: np.random.Generator, words: tuple[str, ...], n_filler: int = 5) -> str:
    """A few fillers with two of the words among them."""
    said = [*rng.choice(FILLER, n_filler), *rng.choice(words, 2)]
    return " ".join(rng.permutation(said))


def reviews(n: int, n_codes: int = 2, seed: int = 1) -> tuple[list[str], np.ndarray]:
    """Texts and labels: 0 is bad, the last good, one between them plain."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_codes, n)
    kinds = (BAD, GOOD) if n_codes == 2 else (BAD, PLAIN, GOOD)
    return [sentence(rng, kinds[label], int(rng.integers(2, 9))) for label in labels], labels


def tagged(n: int, seed: int = 1) -> tuple[list[str], np.ndarray]:
    """Texts and 0/1 labels (n, 3): bad, plain, good, any number of them."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, 3)) < 0.4).astype(np.int64)
    texts = [
        " ".join(
            [
                sentence(rng, (FILLER), 2),
                *[sentence(rng, kind, 1) for kind, on in zip((BAD, PLAIN, GOOD), row, strict=True) if on],
            ]
        )
        for row in labels
    ]
    return texts, labels


def pairs(n: int, seed: int = 1) -> tuple[list[tuple[str, str]], np.ndarray]:
    """Pairs and labels: 1 if the second says good."""
    texts, labels = reviews(n, seed=seed)
    return [("what is it like", text) for text in texts], labels
