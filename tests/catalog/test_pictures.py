"""Pictures of products: uploaded in the admin, drawn by a worker, shown in lists without a query more."""

from typing import Any

import pytest
from django.core.files.storage import default_storage, storages
from django.urls import reverse

from catalog import sample_data, sample_pictures, tasks
from catalog.models import Product, ProductImage
from shop.images import pictures as verbs
from tests import pictures
from tests.factories.catalog import AT, ProductFactory, make_variant

pytestmark = pytest.mark.django_db


def with_picture(product: Product, alt: str = "A pouch", *, is_drawn: bool = True) -> ProductImage:
    place = product.images.count() + 1
    row = ProductImage(product=product, alt=alt, position=place)
    row.original.save("a.jpg", pictures.upload(pictures.picture(size=(700, 440))), save=False)
    row.save()
    if is_drawn:
        assert verbs.prepare(row)
        row.refresh_from_db()
    return row


def send(client: Any, product: Product, *files: Any, alt: str = "A pouch of flakes", **changes: Any) -> Any:
    """Send the page of a product as it is, with pictures added and fields changed."""
    address = reverse("admin:catalog_product_change", args=[product.pk])
    page = client.get(address)
    forms, data = [page.context["adminform"].form], {}
    for inline in page.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.initial_forms]
    for form in forms:
        values = {form.add_prefix(name): form[name].value() for name in form.fields}
        data.update(
            {name: value for name, value in values.items() if value is not None and value is not False}
        )
    data["images-TOTAL_FORMS"] = len(files)
    for number, file in enumerate(files):
        data.update({f"images-{number}-original": file, f"images-{number}-alt": alt})
        data[f"images-{number}-position"] = number
    return client.post(address, {**data, **changes})


def test_an_upload_is_kept_private_under_a_name_of_ours_and_drawn_by_a_worker(admin_client: Any) -> None:
    product = make_variant().product

    answer = send(admin_client, product, pictures.upload(pictures.with_exif(), "IMG_51.5N.jpg"))

    assert answer.status_code == 302, answer.context["errors"]
    row = product.images.get()
    assert (row.state, row.renditions) == ("waiting", [])
    assert "IMG" not in row.original.name
    assert storages["originals"].exists(row.original.name)
    assert not default_storage.exists(row.original.name)

    tasks.prepare_pictures()

    row.refresh_from_db()
    assert row.state == "ready"
    assert [(file["format"], file["width"]) for file in row.renditions] == [
        ("webp", 320), ("webp", 640), ("webp", 960), ("webp", 1440), ("jpg", 1200),
    ]  # fmt: skip


def test_a_second_picture_can_be_sent_beside_a_kept_one(admin_client: Any) -> None:
    product = make_variant().product
    kept = with_picture(product)
    page = admin_client.get(reverse("admin:catalog_product_change", args=[product.pk])).content.decode()
    assert 'enctype="multipart/form-data"' in page
    assert kept.original.name not in page

    more = pictures.upload(pictures.picture("PNG"), "b.png", "image/png")
    second = {"images-1-original": more, "images-1-alt": "The back", "images-1-position": 0}
    answer = send(admin_client, product, **second, **{"images-TOTAL_FORMS": 2})

    assert answer.status_code == 302, answer.context["errors"]
    assert [row.alt for row in product.images.all()] == ["The back", "A pouch"]
    assert product.images.get(alt="A pouch").original.name == kept.original.name


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (pictures.upload(b"<svg/>", "a.svg", "image/svg+xml"), "SVG and HTML can carry scripts"),
        (pictures.upload(pictures.bomb(), "a.png", "image/png"), "too many pixels"),
        (pictures.upload(pictures.picture() + b"PK\x03\x04"), "hidden behind the picture"),
        (pictures.upload(pictures.picture("PNG")), "its name ends in"),
        (pictures.upload(b"x"), "not a JPEG, PNG or WebP"),
    ],
)
def test_a_refusal_stands_beside_the_file_and_nothing_is_kept(
    admin_client: Any, file: Any, words: str
) -> None:
    product = make_variant().product

    answer = send(admin_client, product, file)

    assert answer.status_code == 200
    images = next(
        row.formset for row in answer.context["inline_admin_formsets"] if row.opts.model is ProductImage
    )
    assert words in images.forms[0].errors["original"][0]
    assert not ProductImage.objects.exists()


def test_a_picture_says_what_it_shows(admin_client: Any) -> None:
    product = make_variant().product

    answer = send(admin_client, product, pictures.upload(pictures.picture()), alt="")

    assert answer.status_code == 200
    assert not ProductImage.objects.exists()


@pytest.mark.parametrize("alt", ["Feet free from pain", "Tired legs in a basin"])
def test_a_claim_in_what_a_picture_shows_stands_beside_the_field(admin_client: Any, alt: str) -> None:
    """A claim, and what would be for a reviewer: a picture has none."""
    product = make_variant().product

    answer = send(admin_client, product, pictures.upload(pictures.picture()), alt=alt)

    images = next(
        row.formset for row in answer.context["inline_admin_formsets"] if row.opts.model is ProductImage
    )
    assert list(images.forms[0].errors) == ["alt"]
    assert not ProductImage.objects.exists()


def test_two_workers_leave_the_files_of_one(db: None) -> None:
    row = with_picture(ProductFactory.create(), is_drawn=False)
    twin = ProductImage.objects.get(pk=row.pk)
    before = files()

    assert verbs.prepare(row) is True
    assert verbs.prepare(twin) is False

    row.refresh_from_db()
    assert files() - before == {file["name"] for file in row.renditions}


def files() -> set[str]:
    found = set()
    for folder in default_storage.listdir("")[0]:
        found |= {f"{folder}/{name}" for name in default_storage.listdir(folder)[1]}
    return found


def test_what_cannot_be_drawn_says_why_and_is_not_tried_for_ever(db: None) -> None:
    row = ProductImage(product=ProductFactory.create(), alt="A pouch")
    row.original.save("a.jpg", pictures.upload(b"not a picture"), save=False)
    row.save()

    assert verbs.prepare_waiting(ProductImage) == 0

    row.refresh_from_db()
    assert (row.state, row.renditions) == ("failed", [])
    assert row.problem == "This is not a JPEG, PNG or WebP picture."
    assert verbs.prepare_waiting(ProductImage) == 0


def test_a_removed_picture_takes_its_files_along(django_capture_on_commit_callbacks: Any) -> None:
    row = with_picture(ProductFactory.create())
    names, original = [file["name"] for file in row.renditions], row.original.name

    with django_capture_on_commit_callbacks(execute=True):
        verbs.remove(row)

    assert [name for name in names if default_storage.exists(name)] == []
    assert not storages["originals"].exists(original)


def test_the_api_shows_pictures_in_order_with_every_width(client: Any) -> None:
    product = make_variant().product
    second, first = with_picture(product, "The back"), with_picture(product, "The front")
    ProductImage.objects.filter(pk=second.pk).update(position=5)
    with_picture(product, "Not drawn yet", is_drawn=False)

    shown = client.get(f"/api/v1/products/{product.slug}").json()["images"]

    assert [row["alt"] for row in shown] == ["The front", "The back"]
    jpeg, webp = first.renditions[-1], first.renditions[0]
    assert shown[0]["url"] == f"http://testserver/media/{jpeg['name']}"
    assert (shown[0]["width"], shown[0]["height"]) == (700, 440)
    assert shown[0]["srcset"].startswith(f"http://testserver/media/{webp['name']} 320w, ")
    assert [row["type"] for row in shown[0]["sources"]] == ["image/webp"] * 2 + ["image/jpeg"]


def test_pictures_cost_a_list_no_query(client: Any, django_assert_max_num_queries: Any) -> None:
    for _ in range(5):
        with_picture(make_variant().product)

    with django_assert_max_num_queries(4):
        rows = client.get("/api/v1/products").json()["results"]
    with django_assert_max_num_queries(6):
        page = client.get("/").content.decode()

    assert [len(row["images"]) for row in rows] == [1] * 5
    assert page.count("srcset=") == 5


def test_pages_show_pictures_with_sizes_and_words_or_a_drawing(client: Any) -> None:
    bare, product = make_variant().product, make_variant().product
    row = with_picture(product, 'A pouch & a "scoop"')

    page = client.get(f"/products/{product.slug}").content.decode()
    without = client.get(f"/products/{bare.slug}").content.decode()

    assert f"/media/{row.renditions[0]['name']} 320w" in page
    assert 'alt="A pouch &amp; a &quot;scoop&quot;"' in page
    assert 'width="700"' in page
    assert "sizes=" in page
    assert "/static/shop/art/flakes.svg" in without
    assert "srcset" not in without


def test_a_file_is_sent_to_be_kept_and_to_do_nothing(client: Any) -> None:
    row = with_picture(ProductFactory.create())

    for file in row.renditions:
        answer = client.get(f"/media/{file['name']}")

        assert answer.status_code == 200
        assert answer.headers["Content-Type"] in {"image/webp", "image/jpeg"}
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert not answer.cookies


def test_nothing_else_is_sent(client: Any) -> None:
    row = with_picture(ProductFactory.create())
    default_storage.save("ab/notes.html", pictures.upload(b"<script>"))

    for name in (
        row.original.name,
        "ab/notes.html",
        "../../manage.py",
        "ab/",
        f"ab/{'0' * 32}-320.webp",
        "%00",
    ):
        assert client.get(f"/media/{name}").status_code in {400, 404}, name


def test_the_sample_shop_has_a_picture_of_everything(db: None) -> None:
    sample_data.load(at=AT)

    assert sample_pictures.load() == 15
    assert sample_pictures.load() == 0
    assert ProductImage.objects.values("product").distinct().count() == Product.objects.count() == 15
    assert verbs.prepare_waiting(ProductImage, limit=2) == 2
