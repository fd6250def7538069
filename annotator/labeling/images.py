"""Images for models that see: read, checked and made smaller here, sent within the message.

Only files in the corpus's folder or below are read. What is sent is the picture alone, drawn anew: what a
file says beside it, such as where a photograph was taken, stays here. An address is passed on as it is, for
the endpoint to fetch, or fetched here where that is asked for; never if the study is ``local_only``.
"""

import base64
import io
import warnings
from collections.abc import Callable
from pathlib import Path

from annotator.labeling.faults import Fault
from annotator.study import Study

LARGEST_FILE = 20_000_000  # bytes
LARGEST_IMAGE = 50_000_000  # pixels
LONGEST_SIDE = 1536  # pixels, of what is sent
_QUALITY = 85
_WILD = "*?["
_ADDRESSES = ("http://", "https://")
_ELSEWHERE = Fault("refused", "the image is an address elsewhere, and privacy is local_only")


class Images:
    """From the place of an image to the address that stands for it in a message.

    ``fetch`` gives what is at an address, or raises `UnreadableError`; without it addresses are passed on.
    """

    def __init__(self, study: Study, fetch: Callable[[str], bytes] | None = None) -> None:
        self._folder = _folder(study)
        self._fetch = fetch
        self._is_local_only = study.privacy == "local_only"

    def __call__(self, place: str) -> str | Fault:
        """A data URL, or the address itself; a fault says why the image cannot be shown."""
        place = place.strip()
        is_address = place.startswith(_ADDRESSES)
        if is_address and self._is_local_only:
            return _ELSEWHERE
        if is_address and self._fetch is None:
            return place
        try:
            return _data_url(self._fetch(place) if is_address and self._fetch else self._read(place))
        except UnreadableError as error:
            return _fault(place, error)

    def lacks(self, place: str) -> Fault | None:
        """Why there cannot be an image at a place, as far as can be told without opening it."""
        if place.strip().startswith(_ADDRESSES):
            return _ELSEWHERE if self._is_local_only else None
        try:
            self._find(place.strip())
        except UnreadableError as error:
            return _fault(place, error)
        return None

    def _find(self, place: str) -> Path:
        if self._folder is None:
            raise UnreadableError("files are only read where the corpus is a file on this machine")
        if not place:
            raise UnreadableError("this unit names no image")
        try:
            file = (self._folder / place).resolve()
            if not file.is_relative_to(self._folder):
                raise UnreadableError("it is not in the corpus's folder")
            if file.stat().st_size > LARGEST_FILE:
                raise UnreadableError(f"the file is larger than {LARGEST_FILE // 1_000_000} MB")
            if file.is_dir():
                raise UnreadableError("it is a directory")
            return file
        except (OSError, ValueError) as error:
            raise _unreadable(error) from error

    def _read(self, place: str) -> bytes:
        file = self._find(place)
        try:
            return file.read_bytes()
        except OSError as error:
            raise _unreadable(error) from error


class UnreadableError(Exception):
    """Why an image cannot be shown."""


def _unreadable(error: Exception) -> UnreadableError:
    return UnreadableError(getattr(error, "strerror", None) or str(error))


def _fault(place: str, error: UnreadableError) -> Fault:
    return Fault("refused", f"image {place.strip() or '(none)'}: {error}")


def _folder(study: Study) -> Path | None:
    """The folder of the corpus file; with wildcards, the last one without any."""
    located = study.locate(study.corpus.path).removeprefix("file://")
    if "://" in located:
        return None
    parents = [parent for parent in Path(located).parents if not any(wild in str(parent) for wild in _WILD)]
    return parents[0].resolve()


def _data_url(data: bytes) -> str:
    """The picture as a JPEG in a URL, at most ``LONGEST_SIDE`` pixels wide and high."""
    from PIL import Image, ImageOps  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > LARGEST_IMAGE:
                    raise UnreadableError(f"it has more than {LARGEST_IMAGE // 1_000_000} million pixels")
                upright = ImageOps.exif_transpose(image).convert("RGBA")
    except UnreadableError:
        raise
    except Exception as error:  # Pillow's readers raise whatever a broken file makes them
        raise UnreadableError(f"this is no image that can be read ({type(error).__name__})") from error
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    on_white = Image.new("RGB", upright.size, "white")
    on_white.paste(upright, mask=upright.getchannel("A"))
    out = io.BytesIO()
    on_white.save(out, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
