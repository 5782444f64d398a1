"""From an uploaded picture to the files that visitors get: fixed widths, drawn anew, nothing taken along."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageCms, ImageOps

from shop.images.inspection import opened

# What a phone, a card in the list, a product page and a sharp screen ask for.
WIDTHS = (320, 640, 960, 1440)
# For mails and link previews, whose programs do not all read WebP.
FALLBACK_WIDTH = 1200
WEBP_QUALITY = 80
JPEG_QUALITY = 85
# What stands behind see-through parts where a file cannot be see-through.
PAPER = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file: its bytes, its format (webp or jpg) and its size in pixels."""

    content: bytes
    format: str
    width: int
    height: int


def render(data: bytes) -> list[Rendered]:
    """Return the WebP files of a picture from narrow to wide, none wider than itself, and one JPEG.

    Turned as its camera said, in sRGB, without any metadata: no camera, no place, no comment.
    :raises shop.images.inspection.UnsafePicture: if it is not a picture that may be used.
    """
    image = _clean(opened(data))
    return [*_webps(image), _jpeg(image)]


def _clean(image: Image.Image) -> Image.Image:
    """Return the pixels alone, in a new picture that has never heard of the file's metadata."""
    upright = ImageOps.exif_transpose(image)
    has_alpha = "A" in upright.getbands() or "transparency" in upright.info
    mode = "RGBA" if has_alpha else "RGB"
    converted = _in_srgb(upright, mode)
    clean = Image.new(mode, converted.size)
    clean.paste(converted)
    return clean


def _in_srgb(image: Image.Image, mode: str) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            turned = ImageCms.profileToProfile(
                image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError):
            # A profile that cannot be read says nothing about colours.
            turned = None
        if turned is not None:
            return turned.convert(mode)
    return image.convert(mode)


def _webps(image: Image.Image) -> Iterator[Rendered]:
    widths = [width for width in WIDTHS if width <= image.width] or [image.width]
    for width in widths:
        yield _written(_resized(image, width), "webp", quality=WEBP_QUALITY, method=4)


def _jpeg(image: Image.Image) -> Rendered:
    small = _resized(image, min(FALLBACK_WIDTH, image.width))
    if small.mode == "RGBA":
        paper = Image.new("RGB", small.size, PAPER)
        paper.paste(small, mask=small.getchannel("A"))
        small = paper
    return _written(small, "jpg", quality=JPEG_QUALITY, optimize=True, progressive=True)


def _resized(image: Image.Image, width: int) -> Image.Image:
    height = max(1, round(image.height * width / image.width))
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)


def _written(image: Image.Image, extension: str, **options: int | bool) -> Rendered:
    file = BytesIO()
    image.save(file, "JPEG" if extension == "jpg" else "WEBP", **options)
    return Rendered(file.getvalue(), extension, image.width, image.height)
