"""What the columns of ``labels.parquet`` hold, in words."""

from annotator.study import Study

_INCLUSION = "inclusion_probability_"


def meanings(study: Study, columns: list[str]) -> dict[str, str]:
    """A phrase for each column.

    The phrases say of rectified labels what they are for: they look like predictions, and are none.
    """
    known = {
        "unit_id": "identifies the unit",
        "text": "the text",
        "prediction": "likeliest code by machine labels and all human codes",
        "gold": "human code; missing where nobody coded",
        "gold_how": "how the human code came about",
        "round": "round that drew the unit; 0 coded before the study",
    }
    for machine in study.machine:
        known[f"machine_label_{machine.name}"] = f"label by machine annotator {machine.name}"
        known[f"machine_confidence_{machine.name}"] = f"confidence stated by {machine.name}; not calibrated"
    for code in study.codebook.names:
        known[f"probability_{code}"] = f"predicted probability of {code}"
        known[f"rectified_{code}"] = f"rectified {code}: outcome of regressions, not a prediction"
    corpus = study.corpus
    roles = {
        corpus.cluster: "cluster",
        corpus.weight: "weight of the unit",
        corpus.image: "place of the image",
    }
    known |= {column: role for column, role in roles.items() if column and column not in corpus.covariates}
    return {column: known.get(column) or _other(column) for column in columns}


def _other(column: str) -> str:
    if column.startswith(_INCLUSION):
        return f"probability that round {int(column.removeprefix(_INCLUSION))} drew the unit"
    return "covariate"
