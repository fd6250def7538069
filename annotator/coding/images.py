"""Images that people are to code: all of them have to be there before one is drawn."""

import pandas as pd

from annotator.coders import LabelStudioCoding
from annotator.errors import CorpusError
from annotator.labeling.images import Images
from annotator.study import Study

SHOWN = 5


def refuse_missing_images(study: Study, units: pd.DataFrame) -> None:
    """Raise CorpusError naming units whose image is not where the corpus says, if people code them.

    Any unit may be drawn, and one that cannot be shown could not be coded. The files are not opened here:
    one that is no image is found when its unit is sent.
    """
    column = study.corpus.image
    if column is None or not isinstance(study.coding, LabelStudioCoding):
        return
    images = Images(study)
    found = ((unit, images.lacks(place)) for unit, place in zip(units["unit_id"], units[column], strict=True))
    lacking = [f"unit {unit!r}: {fault.message}" for unit, fault in found if fault is not None]
    if lacking:
        more = f" (and {len(lacking) - SHOWN:,} more)" if len(lacking) > SHOWN else ""
        raise CorpusError(
            f"{len(lacking):,} of {len(units):,} units cannot be shown to coders: "
            f"{'; '.join(lacking[:SHOWN])}{more}",
            hint="Put the images into the corpus's folder or below it, or leave these units out.",
        )
