"""Pictures: what is refused, what is drawn, and what of the upload is left."""

from io import BytesIO

import pytest
from PIL import Image

from shop.images import rendering
from shop.images.inspection import UnsafePicture, inspect
from tests import pictures

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
GIF = b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)//"
ZIP = b"PK\x03\x04" + b"evil" * 20
HTML = b"<html><script>alert(1)</script></html>"
JPEG, PNG, WEBP = pictures.picture(), pictures.picture("PNG"), pictures.picture("WEBP")


@pytest.mark.parametrize(
    ("data", "name", "content_type"),
    [
        (JPEG, "a.jpg", "image/jpeg"),
        (JPEG, "A.JPEG", "image/jpeg"),
        (PNG, "a.png", "image/png"),
        (WEBP, "a.webp", "image/webp"),
        (pictures.picture(progressive=True), "a.jpg", ""),
        (pictures.with_exif(), "a.jpg", "image/jpeg"),
    ],
)
def test_whole_pictures_are_taken(data: bytes, name: str, content_type: str) -> None:
    found = inspect(data, name=name, content_type=content_type)

    assert (found.width, found.height) == (1600, 1000)


REFUSED = {
    "svg": (SVG, "a.svg", "image/svg+xml", "SVG and HTML can carry scripts"),
    "svg that says it is a jpeg": (SVG, "a.jpg", "image/jpeg", "SVG and HTML can carry scripts"),
    "gif that is a script": (GIF, "a.gif", "image/gif", "not a JPEG, PNG or WebP"),
    "gif": (pictures.picture("GIF"), "a.gif", "image/gif", "not a JPEG, PNG or WebP"),
    "tiff": (pictures.picture("TIFF"), "a.jpg", "image/jpeg", "not a JPEG, PNG or WebP"),
    "html": (HTML, "a.jpg", "image/jpeg", "not a JPEG, PNG or WebP"),
    "nothing": (b"", "a.jpg", "image/jpeg", "not a JPEG, PNG or WebP"),
    "jpeg with a zip behind": (JPEG + ZIP, "a.jpg", "image/jpeg", "hidden behind"),
    "jpeg with html behind": (JPEG + HTML, "a.jpg", "image/jpeg", "hidden behind"),
    "jpeg with html and an end mark": (JPEG + HTML + b"\xff\xd9", "a.jpg", "image/jpeg", "hidden behind"),
    "jpeg with a jpeg behind": (JPEG + JPEG, "a.jpg", "image/jpeg", "hidden behind"),
    "png with a zip behind": (PNG + ZIP, "a.png", "image/png", "hidden behind"),
    "webp with a zip behind": (WEBP + ZIP, "a.webp", "image/webp", "hidden behind"),
    "page before a jpeg": (HTML + JPEG, "a.jpg", "image/jpeg", "not a JPEG, PNG or WebP"),
    "half a jpeg": (JPEG[: len(JPEG) // 2], "a.jpg", "image/jpeg", "broken or cut off"),
    "jpeg without its end": (JPEG[:-2], "a.jpg", "image/jpeg", "broken or cut off"),
    "half a png": (PNG[: len(PNG) // 2], "a.png", "image/png", "broken or cut off"),
    "half a webp": (WEBP[: len(WEBP) // 2], "a.webp", "image/webp", "broken or cut off"),
    "bomb": (pictures.bomb(), "a.png", "image/png", "too many pixels"),
    "bigger bomb": (pictures.bomb(60_000), "a.png", "image/png", "too many pixels"),
    "small bomb": (pictures.bomb(7_100), "a.png", "image/png", "too many pixels"),
    "png named jpg": (PNG, "a.jpg", "image/png", "its name ends in '.jpg'"),
    "no ending": (JPEG, "jpeg", "image/jpeg", "its name ends in 'no ending'"),
    "jpeg named as a page": (JPEG, "a.jpg.html", "image/jpeg", "its name ends in '.html'"),
    "jpeg sent as a page": (JPEG, "a.jpg", "text/html", "was sent as text/html"),
    "too small": (pictures.picture(size=(300, 199)), "a.jpg", "image/jpeg", "too small"),
    "moving webp": (pictures.moving("WEBP"), "a.webp", "image/webp", "moves"),
    "moving png": (pictures.moving("PNG"), "a.png", "image/png", "moves"),
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.replace(" ", "-"))
def test_everything_else_is_refused_in_words(case: str) -> None:
    data, name, content_type, words = REFUSED[case]

    with pytest.raises(UnsafePicture, match=words):
        inspect(data, name=name, content_type=content_type)


def test_a_file_over_the_limit_is_not_even_opened(settings: object) -> None:
    settings.IMAGE_MAX_BYTES = 2**20  # type: ignore[attr-defined]

    with pytest.raises(UnsafePicture, match="at most 1 MB"):
        inspect(JPEG + b"\0" * 2**20, name="a.jpg")


def test_a_picture_is_drawn_in_fixed_widths_and_one_jpeg() -> None:
    drawn = rendering.render(JPEG)

    assert [(file.format, file.width, file.height) for file in drawn] == [
        ("webp", 320, 200), ("webp", 640, 400), ("webp", 960, 600), ("webp", 1440, 900), ("jpg", 1200, 750),
    ]  # fmt: skip
    for file in drawn:
        opened = Image.open(BytesIO(file.content))
        assert (opened.format, opened.size) == (
            {"webp": "WEBP", "jpg": "JPEG"}[file.format],
            (file.width, file.height),
        )


def test_a_picture_is_never_blown_up() -> None:
    drawn = rendering.render(pictures.picture(size=(400, 250)))

    assert [(file.format, file.width) for file in drawn] == [("webp", 320), ("jpg", 400)]
    assert [file.width for file in rendering.render(pictures.picture(size=(250, 400)))] == [250, 250]


def test_nothing_of_the_camera_is_left() -> None:
    upload = pictures.with_exif()
    assert upload.count(b"SECRET") == 4

    for file in rendering.render(upload):
        assert b"SECRET" not in file.content
        opened = Image.open(BytesIO(file.content))
        assert (dict(opened.getexif()), opened.info.get("icc_profile")) == ({}, None)


def test_a_picture_held_sideways_is_turned() -> None:
    drawn = rendering.render(pictures.with_exif(orientation=6))

    assert (drawn[-1].width, drawn[-1].height) == (1000, 1600)


def test_see_through_parts_stay_so_but_in_the_jpeg() -> None:
    file = BytesIO()
    Image.new("RGBA", (400, 400), (0, 0, 0, 0)).save(file, "PNG")

    webp, jpeg = rendering.render(file.getvalue())

    assert Image.open(BytesIO(webp.content)).mode == "RGBA"
    assert Image.open(BytesIO(jpeg.content)).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA"])
def test_every_kind_of_pixel_can_be_drawn(mode: str) -> None:
    file = BytesIO()
    Image.new(mode, (400, 300)).save(file, "JPEG" if mode == "CMYK" else "PNG")

    assert [row.format for row in rendering.render(file.getvalue())] == ["webp", "jpg"]
