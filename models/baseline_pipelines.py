"""The baselines by name: what they see of a text, and what they learn from it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from models.arrays import FloatArray
from models.baseline_config import BaselineConfig
from models.calibrated_svm import CalibratedSvm
from models.embeddings import MeanPooledEncoder
from models.label_map import Text

BOOSTING_FEATURES = 500
MAJORITY = "majority"
WORD = r"(?u)\b\w+\b"


def count_logistic(config: BaselineConfig, seed: int) -> Pipeline:
    """Word counts x ridge logistic regression."""
    return make_pipeline(CountVectorizer(**_words(config)), _logistic(config))


def tfidf_logistic(config: BaselineConfig, seed: int) -> Pipeline:
    """TF-IDF x ridge logistic regression."""
    return make_pipeline(_tfidf(config), _logistic(config))


def linear_svm(config: BaselineConfig, seed: int) -> Pipeline:
    """TF-IDF x linear support vector machine, its margins calibrated to probabilities."""
    return make_pipeline(_tfidf(config), CalibratedSvm(config.c, config.balanced, seed))


def random_forest(config: BaselineConfig, seed: int) -> Pipeline:
    """TF-IDF x random forest."""
    forest = RandomForestClassifier(config.trees, class_weight=_class_weight(config), random_state=seed)
    return make_pipeline(_tfidf(config), forest)


def gradient_boosting(config: BaselineConfig, seed: int) -> Pipeline:
    """TF-IDF of the most frequent words x boosted shallow trees."""
    trees = HistGradientBoostingClassifier(
        max_iter=config.trees,
        max_depth=4,
        min_samples_leaf=10,
        l2_regularization=1.0,
        early_stopping=False,
        class_weight=_class_weight(config),
        random_state=seed,
    )
    return make_pipeline(
        _tfidf(config, BOOSTING_FEATURES), FunctionTransformer(dense, accept_sparse=True), trees
    )


def embeddings_logistic(config: BaselineConfig, seed: int) -> Pipeline:
    """Mean-pooled vectors of an encoder x ridge logistic regression."""
    return make_pipeline(MeanPooledEncoder(config.base), StandardScaler(), _logistic(config))


def majority(config: BaselineConfig, seed: int) -> Pipeline:
    """The share of every code for every text, so that the most frequent code is always predicted."""
    return make_pipeline(FunctionTransformer(lengths), DummyClassifier(strategy="prior"))


PIPELINES: dict[str, Callable[[BaselineConfig, int], Pipeline]] = {
    MAJORITY: majority,
    "count_logistic": count_logistic,
    "tfidf_logistic": tfidf_logistic,
    "linear_svm": linear_svm,
    "random_forest": random_forest,
    "gradient_boosting": gradient_boosting,
    "embeddings_logistic": embeddings_logistic,
}


def lower_case(text: Text) -> str:
    """The text in lower case, a pair one after the other.

    >>> lower_case(("A man sleeps.", "He is awake."))
    'a man sleeps.\\nhe is awake.'
    """
    return (text if isinstance(text, str) else "\n".join(text)).lower()


def dense(columns: sparse.csr_matrix) -> FloatArray:
    """A sparse table with its zeros written out."""
    written: FloatArray = columns.toarray()
    return written


def lengths(texts: Sequence[Text]) -> FloatArray:
    """One column (n, 1), for what asks for a table but not for words."""
    return np.array([[float(len(text))] for text in texts])


def _words(config: BaselineConfig, most: int | None = None) -> dict[str, Any]:
    return {
        "preprocessor": lower_case,
        "ngram_range": (1, config.ngrams),
        "min_df": config.min_count,
        "max_features": config.max_features or most,
        "token_pattern": WORD,
    }


def _tfidf(config: BaselineConfig, most: int | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(**_words(config, most), sublinear_tf=True)


def _logistic(config: BaselineConfig) -> LogisticRegression:
    return LogisticRegression(C=config.c, max_iter=1000, class_weight=_class_weight(config))


def _class_weight(config: BaselineConfig) -> str | None:
    return "balanced" if config.balanced else None
