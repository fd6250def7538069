"""The tables and pictures that `annotator evaluate` leaves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from annotator import schema
from annotator.classifiers.coded_texts import CodedTexts, decoded
from annotator.workspace import Workspace
from models import plots
from models.confusion import confusion
from models.cross_validation import CrossValidation
from models.score_table import every_score, score_table, to_latex, to_markdown
from models.tuning import NestedCrossValidation

BY_CODE = ("precision", "recall", "f1")
PICTURES = {
    "roc": plots.roc_curves,
    "precision-recall": plots.precision_recall_curves,
    "reliability": plots.reliability_diagram,
    "confusion": plots.confusion_matrix,
}


@dataclass(frozen=True)
class Writer:
    """Writes one folder ``models/<name>`` under the output; every file appears whole."""

    workspace: Workspace
    name: str
    given: CodedTexts
    results: Mapping[str, CrossValidation]

    @property
    def address(self) -> str:
        """Where the folder is."""
        return self.workspace.store.address(f"models/{self.name}")

    def tables(self, intervals: pd.DataFrame, curve: pd.DataFrame) -> None:
        """Figures over folds and with intervals, confusion, every prediction; what papers print as text."""
        self._table("scores", every_score(self.results), schema.SCORES)
        self._table("intervals", intervals, schema.SCORE_INTERVALS)
        self._table("confusion", self._confusion(), schema.CONFUSION)
        self._table("predictions", self._predictions(), None)
        if not curve.empty:
            self._table("learning_curve", curve, schema.LEARNING_CURVE)
        if not (settings := self._settings()).empty:
            self._table("searched_settings", settings, schema.SEARCHED_SETTINGS)
        by_code = score_table(self.results, BY_CODE, by_code=True)
        for name, table in (("scores", score_table(self.results)), ("scores-by-code", by_code)):
            self._text(f"{name}.md", to_markdown(table))
            self._text(f"{name}.tex", to_latex(table))

    def pictures(self, curves: Mapping[str, pd.DataFrame]) -> None:
        """Curves, calibration and confusion of each classifier, and the learning curves of all."""
        for name, result in self.results.items():
            for picture, draw in PICTURES.items():
                if picture != "confusion" or not result.label_map.is_multilabel:
                    svg = draw(result.label_map, self.given.labels, result.probability, self.given.weights)
                    self._text(f"{name.replace(' ', '-')}-{picture}.svg", svg)
        if curves:
            self._text("learning-curve.svg", plots.learning_curves(curves))

    def _confusion(self) -> pd.DataFrame:
        parts = [
            confusion(r.label_map, self.given.labels, r.probability, self.given.weights).assign(
                classifier=name
            )
            for name, r in self.results.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def _predictions(self) -> pd.DataFrame:
        """Of every classifier for every text, out of fold."""
        units = self.workspace.units["unit_id"].iloc[self.given.rows].to_numpy()
        parts = []
        for name, result in self.results.items():
            codes = result.label_map
            columns = {
                "classifier": name,
                "unit_id": units,
                "fold": result.fold,
                "weight": self.given.weights,
                "low_agreement": self.given.low_agreement,
                "gold": decoded(codes, self.given.labels),
                "prediction": decoded(codes, codes.predict(result.probability)),
            }
            probability = {
                f"probability_{code}": p for code, p in zip(codes.codes, result.probability.T, strict=True)
            }
            parts.append(pd.DataFrame(columns | probability))
        return pd.concat(parts, ignore_index=True)

    def _settings(self) -> pd.DataFrame:
        rows = [
            {"classifier": name, "fold": fold, "settings": json.dumps(settings, sort_keys=True)}
            for name, result in self.results.items()
            if isinstance(result, NestedCrossValidation)
            for fold, settings in enumerate(result.settings)
        ]
        return pd.DataFrame(rows)

    def _table(self, name: str, frame: pd.DataFrame, columns: pa.Schema | None) -> None:
        table = pa.Table.from_pandas(frame, schema=columns, preserve_index=False)
        path = f"models/{self.name}/{name}.parquet"
        self.workspace.store.write(path, table.replace_schema_metadata(None), self.workspace.provenance())

    def _text(self, name: str, text: str) -> None:
        self.workspace.store.write_bytes(f"models/{self.name}/{name}", f"{text}\n".encode())
