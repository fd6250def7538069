"""Images for models that see: read, checked and made smaller here, sent within the message.

Only files in the corpus's folder or below are read. What is sent is the picture alone, drawn anew: what a
file says beside it, such as where a photograph was taken, stays here. An address is passed on as it is, for
the endpoint to fetch, unless the study is ``local_only``.
"""

import base64
import io
import warnings
from pathlib import Path

from annotator.labeling.faults import Fault
from annotator.study import Study

LARGEST_FILE = 20_000_000  # bytes
LARGEST_IMAGE = 50_000_000  # pixels
LONGEST_SIDE = 1536  # pixels, of what is sent
_QUALITY = 85
_WILD = "*?["
_ADDRESSES = ("http://", "https://")


class Images:
    """From the place of an image to the address that stands for it in a message."""

    def __init__(self, study: Study) -> None:
        self._folder = _folder(study)
        self._is_local_only = study.privacy == "local_only"

    def __call__(self, place: str) -> str | Fault:
        """A data URL, or the address itself; a fault says why the image cannot be shown."""
        place = place.strip()
        if place.startswith(_ADDRESSES):
            if self._is_local_only:
                return Fault("refused", "the image is an address elsewhere, and privacy is local_only")
            return place
        try:
            return _data_url(self._read(place))
        except _Unreadable as error:
            return _fault(place, error)

    def lacks(self, place: str) -> Fault | None:
        """Why there cannot be an image at a place, without reading it: no such file, an address elsewhere."""
        try:
            if place.strip().startswith(_ADDRESSES):
                found = self(place)
                return found if isinstance(found, Fault) else None
            self._find(place.strip())
        except _Unreadable as error:
            return _fault(place, error)
        return None

    def _find(self, place: str) -> Path:
        if self._folder is None:
            raise _Unreadable("files are only read where the corpus is a file on this machine")
        if not place:
            raise _Unreadable("this unit names no image")
        try:
            file = (self._folder / place).resolve()
            if not file.is_relative_to(self._folder):
                raise _Unreadable("it is not in the corpus's folder")
            if file.stat().st_size > LARGEST_FILE:
                raise _Unreadable(f"the file is larger than {LARGEST_FILE // 1_000_000} MB")
            if file.is_dir():
                raise _Unreadable("it is a directory")
            return file
        except (OSError, ValueError) as error:
            raise _unreadable(error) from error

    def _read(self, place: str) -> bytes:
        file = self._find(place)
        try:
            return file.read_bytes()
        except OSError as error:
            raise _unreadable(error) from error


class _Unreadable(Exception):
    """Why an image cannot be shown."""


def _unreadable(error: Exception) -> _Unreadable:
    return _Unreadable(getattr(error, "strerror", None) or str(error))


def _fault(place: str, error: _Unreadable) -> Fault:
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
                    raise _Unreadable(f"it has more than {LARGEST_IMAGE // 1_000_000} million pixels")
                upright = ImageOps.exif_transpose(image).convert("RGBA")
    except _Unreadable:
        raise
    except Exception as error:  # Pillow's readers raise whatever a broken file makes them
        raise _Unreadable(f"this is no image that can be read ({type(error).__name__})") from error
    upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    on_white = Image.new("RGB", upright.size, "white")
    on_white.paste(upright, mask=upright.getchannel("A"))
    out = io.BytesIO()
    on_white.save(out, "JPEG", quality=_QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
