"""Pictures as the API shows them."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from shop.images.showing import TYPES, absolute


def as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a picture of `riding_along` as the API shows it."""
    *webps, jpeg = row["renditions"]
    return {
        "url": absolute(jpeg["name"]),
        "width": jpeg["width"],
        "height": jpeg["height"],
        "alt": row["alt"],
        "srcset": ", ".join(f"{absolute(file['name'])} {file['width']}w" for file in webps),
        "sources": [
            {
                "url": absolute(file["name"]),
                "type": TYPES[file["format"]],
                "width": file["width"],
                "height": file["height"],
            }
            for file in row["renditions"]
        ],
    }


class ImageSourceSerializer(serializers.Serializer):
    url = serializers.URLField()
    type = serializers.CharField(help_text="image/webp or image/jpeg.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class ImageSerializer(serializers.Serializer):
    """A picture in several widths; the address of a file never shows other content."""

    url = serializers.URLField(help_text="A JPEG, for whatever cannot choose.")
    width = serializers.IntegerField(help_text="Of `url`, in pixels.")
    height = serializers.IntegerField()
    alt = serializers.CharField(help_text="What it shows, in words.")
    srcset = serializers.CharField(help_text="WebP files by width, as an img element takes them.")
    sources = ImageSourceSerializer(many=True)
