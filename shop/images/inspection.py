"""What may be uploaded: one whole JPEG, PNG or WebP picture and not a byte besides.

Pillow reads what it understands and passes over the rest, so a file can be a picture to it and a page, a
script or an archive to somebody else. Here the file's own structure is walked to its end. What visitors get
is drawn anew in any case (`rendering`); this is what makes a refusal clear, and keeps the originals honest.
"""

import re
import struct
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath

from django.conf import settings
from PIL import Image

from shop.exceptions import InvalidInput

# Half of a bomb's pixels is a warning to Pillow, which nobody would read.
Image.MAX_IMAGE_PIXELS = settings.IMAGE_MAX_PIXELS
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)

FORMATS = ("JPEG", "PNG", "WEBP")
EXTENSIONS = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WEBP": (".webp",)}
CONTENT_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
MIN_SIDE = 200
BROKEN = "The picture is broken or cut off. Save it again and try once more."

_PNG_START = b"\x89PNG\r\n\x1a\n"
_LOOKS_LIKE_SVG = re.compile(rb"^\s*(?:<\?xml|<!doctype|<!--|<svg)", re.IGNORECASE)
# In a JPEG's coded data 0xFF is followed by 0x00 or a restart mark; anything else ends it.
_JPEG_MARK = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)


class UnsafePicture(InvalidInput):
    code = "unsafe_picture"
    title = "This file cannot be used as a picture"


@dataclass(frozen=True, slots=True)
class Inspected:
    """A file that is one whole picture; sizes in pixels, as it is stored."""

    format: str
    width: int
    height: int

    @property
    def extension(self) -> str:
        return EXTENSIONS[self.format][0]


def inspect(data: bytes, *, name: str = "", content_type: str = "") -> Inspected:
    """Return what a file is; `name` and `content_type` are what its sender says of it, "" for nothing.

    :raises UnsafePicture: in words for whoever uploaded it.
    """
    if len(data) > settings.IMAGE_MAX_BYTES:
        raise UnsafePicture(f"The file is too large: at most {settings.IMAGE_MAX_BYTES // 2**20} MB.")
    found = _read(data)
    suffix = PurePath(name).suffix.lower()
    if name and suffix not in EXTENSIONS[found.format]:
        shown = suffix[:10] or "no ending"
        raise UnsafePicture(f"The file holds a {found.format} picture, but its name ends in {shown!r}.")
    if content_type and content_type != CONTENT_TYPES[found.format]:
        raise UnsafePicture(f"The file holds a {found.format} picture, but was sent as {content_type[:60]}.")
    if min(found.width, found.height) < MIN_SIDE:
        raise UnsafePicture(f"The picture is too small: at least {MIN_SIDE} pixels on each side.")
    return found


def opened(data: bytes) -> Image.Image:
    """Return a picture, decoded to its last pixel.

    :raises UnsafePicture: if it is none, is broken, moves, or unfolds to too many pixels.
    """
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
        _check_size(image)
        image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except Image.UnidentifiedImageError as error:
        raise UnsafePicture(_what_it_is_not(data)) from error
    except (OSError, SyntaxError, ValueError, struct.error, EOFError, MemoryError) as error:
        raise UnsafePicture(BROKEN) from error
    return image


def _read(data: bytes) -> Inspected:
    image = opened(data)
    # Pillow calls a JPEG with a second picture behind it MPO.
    kind = "JPEG" if data.startswith(b"\xff\xd8") else str(image.format)
    end = _end_of(kind, data)
    if end < 0 or end > len(data):
        raise UnsafePicture(BROKEN)
    if end < len(data):
        raise UnsafePicture(
            "Something else is hidden behind the picture. Open it in an image program, save it anew and try "
            "once more."
        )
    return Inspected(kind, image.width, image.height)


def _check_size(image: Image.Image) -> None:
    if image.width * image.height > settings.IMAGE_MAX_PIXELS:
        raise _too_many_pixels()
    if getattr(image, "is_animated", False):
        raise UnsafePicture("The picture moves. Upload a still one.")


def _too_many_pixels() -> UnsafePicture:
    most = settings.IMAGE_MAX_PIXELS // 1_000_000
    return UnsafePicture(f"The picture has too many pixels: at most {most} million.")


def _what_it_is_not(data: bytes) -> str:
    if _LOOKS_LIKE_SVG.match(data[:512]):
        return "SVG and HTML can carry scripts and are not taken. Upload a JPEG, PNG or WebP."
    return "This is not a JPEG, PNG or WebP picture."


def _end_of(kind: str, data: bytes) -> int:
    """Return where the picture ends by its own structure, or -1 where that is broken."""
    walk = {"JPEG": _end_of_jpeg, "PNG": _end_of_png, "WEBP": _end_of_webp}[kind]
    try:
        return walk(data)
    except (struct.error, IndexError):
        return -1


def _end_of_jpeg(data: bytes) -> int:
    place = 2
    while found := _JPEG_MARK.search(data, place):
        mark, place = found[1][0], found.end()
        if mark == 0xD9:
            return place
        # A segment tells its length; what follows the start of scan is coded data, searched for its end.
        if mark != 0x01:
            place += struct.unpack_from(">H", data, place)[0]
    return -1


def _end_of_png(data: bytes) -> int:
    place = len(_PNG_START)
    while True:
        length, kind = struct.unpack_from(">I4s", data, place)
        place += 12 + length
        if kind == b"IEND":
            return place


def _end_of_webp(data: bytes) -> int:
    size: int = struct.unpack_from("<I", data, 4)[0]
    return 8 + size + size % 2
