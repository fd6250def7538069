"""Pickles of fitted pipelines that can hold nothing but the parts of such pipelines.

Reading an ordinary pickle runs whatever its author put in. This reader knows by name the few classes and
functions that the pipelines of `models.baseline_pipelines` are made of, and refuses everything else before it
is called.
"""

import io
import pickle
from importlib.metadata import version
from pathlib import Path
from typing import Any

from models.errors import CheckpointError

PARTS = {
    "models.baseline_pipelines": {"dense", "lengths", "lower_case"},
    "models.calibrated_svm": {"CalibratedSvm"},
    "models.embeddings": {"MeanPooledEncoder"},
    "numpy": {"dtype", "float64", "int64", "ndarray"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.numeric": {"_frombuffer"},
    # Trees keep the generator that grew them.
    "numpy.random._pcg64": {"PCG64"},
    "numpy.random._pickle": {"__bit_generator_ctor", "__generator_ctor"},
    "numpy.random.bit_generator": {"SeedSequence", "__pyx_unpickle_SeedSequence"},
    "sklearn._loss._loss": {
        "CyHalfBinomialLoss",
        "CyHalfMultinomialLoss",
        "__pyx_unpickle_CyHalfMultinomialLoss",
    },
    "sklearn._loss.link": {"Interval", "LogitLink", "MultinomialLogit"},
    "sklearn._loss.loss": {"HalfBinomialLoss", "HalfMultinomialLoss"},
    "sklearn.calibration": {"CalibratedClassifierCV", "_CalibratedClassifier", "_SigmoidCalibration"},
    "sklearn.dummy": {"DummyClassifier"},
    "sklearn.ensemble._forest": {"RandomForestClassifier"},
    "sklearn.ensemble._hist_gradient_boosting.binning": {"_BinMapper"},
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": {"HistGradientBoostingClassifier"},
    "sklearn.ensemble._hist_gradient_boosting.predictor": {"TreePredictor"},
    "sklearn.feature_extraction.text": {"CountVectorizer", "TfidfTransformer", "TfidfVectorizer"},
    "sklearn.linear_model._logistic": {"LogisticRegression"},
    "sklearn.pipeline": {"Pipeline"},
    "sklearn.preprocessing._data": {"StandardScaler"},
    "sklearn.preprocessing._function_transformer": {"FunctionTransformer"},
    "sklearn.preprocessing._label": {"LabelEncoder"},
    "sklearn.svm._classes": {"LinearSVC"},
    "sklearn.tree._classes": {"DecisionTreeClassifier"},
    "sklearn.tree._tree": {"Tree"},
}
LIBRARY = "scikit-learn"


def dumps(pipelines: list[Any]) -> bytes:
    """The pickle of some pipelines."""
    return pickle.dumps(pipelines, protocol=5)


def loads(data: bytes, source: Path) -> list[Any]:
    """The pipelines of a pickle. Raises CheckpointError, naming ``source``, if it holds anything else."""
    try:
        found = _Reader(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError) as error:
        raise CheckpointError(
            f"{source} does not hold fitted pipelines alone: {error}. Train anew"
        ) from error
    if not isinstance(found, list):
        raise CheckpointError(f"{source} does not hold fitted pipelines. Train anew")
    return found


def check_version(folder: Path, versions: dict[str, str]) -> None:
    """Raise CheckpointError if the pickle was written by another minor version of scikit-learn.

    Its fitted objects may mean something else there.
    """
    wrote, reads = versions.get(LIBRARY, "unknown"), version(LIBRARY)
    if wrote.split(".")[:2] != reads.split(".")[:2]:
        raise CheckpointError(
            f"{folder} was written with {LIBRARY} {wrote}, and this is {reads}. Train anew, or install that "
            "version"
        )


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """A part of a pipeline; anything else is refused."""
        if name not in PARTS.get(module, ()):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)
