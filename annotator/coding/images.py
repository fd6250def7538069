"""Images that people are to code: all of them have to be there before one is drawn, and are sent whole.

Coders get the picture itself, as models do, not its place: Label Studio shows a picture from elsewhere only
if its server allows that, and could show another one tomorrow.
"""

import httpx
import pandas as pd

from annotator.coders import LabelStudioCoding
from annotator.errors import CorpusError
from annotator.labeling.images import LARGEST_FILE, Images, UnreadableError
from annotator.study import Study

SHOWN = 5
_PATIENCE = 30.0  # seconds


def fetched(address: str) -> bytes:
    """What is at an address. Raises UnreadableError."""
    found = bytearray()
    try:
        with httpx.stream("GET", address, follow_redirects=True, timeout=_PATIENCE) as answer:
            answer.raise_for_status()
            for part in answer.iter_bytes():
                found += part
                if len(found) > LARGEST_FILE:
                    raise UnreadableError(f"it is larger than {LARGEST_FILE // 1_000_000} MB")
    except httpx.HTTPStatusError as error:
        raise UnreadableError(f"HTTP {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreadableError(f"it cannot be fetched ({type(error).__name__})") from error
    return bytes(found)


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
