"""Picture files for tests, honest and otherwise."""

import struct
import zlib
from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

# What a camera adds, with a place: latitude 51° 30′ north.
GPS_IFD = 0x8825
MAKER, COPYRIGHT = 0x010F, 0x8298


def picture(kind: str = "JPEG", size: tuple[int, int] = (1600, 1000), **options: object) -> bytes:
    """Return a picture with a gradient, so that it is not trivially small."""
    ramp = Image.linear_gradient("L").resize(size)
    image = Image.merge("RGB", [ramp, ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT), ramp])
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_exif(orientation: int = 1) -> bytes:
    """Return a JPEG that tells its maker and its place, and how it was held."""
    exif = Image.Exif()
    exif[MAKER] = "SECRET-CAMERA"
    exif[COPYRIGHT] = "SECRET-OWNER"
    exif[0x0112] = orientation
    exif[GPS_IFD] = {1: "N", 2: (51.0, 30.0, 0.0)}
    return picture(exif=exif, comment=b"SECRET-COMMENT", xmp=b"<x:xmpmeta>SECRET-XMP</x:xmpmeta>")


def bomb(side: int = 20_000) -> bytes:
    """Return a PNG of a few kilobytes that says it is `side` × `side` pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (side + 1) * 100, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def moving(kind: str) -> bytes:
    """Return an animation of two frames."""
    file = BytesIO()
    frames = [Image.new("RGB", (300, 300), colour) for colour in ("red", "blue")]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=100, loop=0)
    return file.getvalue()


def upload(data: bytes, name: str = "pouch.jpg", content_type: str = "image/jpeg") -> SimpleUploadedFile:
    """Return a file as a browser sends it."""
    return SimpleUploadedFile(name, data, content_type=content_type)
