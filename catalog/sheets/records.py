"""Products and variants: rows that create or change records. A column left out leaves its field alone."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import slugify

from catalog import wording
from catalog.models import Category, ImportJob, Product, Variant
from catalog.sheets.columns import RESOURCES
from catalog.sheets.rows import CHANGED, NEW, Row, Sheet, refuse_invalid

# Long words are cut in the list of differences.
SHOWN_CHARACTERS = 80
# A file that gives none of these changes nothing that the rules read.
_READ = {*wording.FIELDS, "published"}


class RecordSheet(Sheet):
    """One row, one record, found by its key column."""

    model: ClassVar[type[models.Model]]
    key_column: ClassVar[str]
    # Column: field, where their names differ.
    aliases: ClassVar[dict[str, str]]
    # Left empty in the file, these fields become NULL; others keep their default.
    needed_for_new: ClassVar[tuple[str, ...]]
    # Values that no two records share: field, in words.
    unique: ClassVar[dict[str, str]]

    def __init__(self, **facts: Any) -> None:
        super().__init__(**facts)
        self._fresh: dict[str, Any] = {}
        self._changed: dict[int, Any] = {}
        self._fields: set[str] = set()
        self._taken: dict[tuple[str, Any], str] = {}
        self._widgets = {one.column_name: one.widget for one in RESOURCES[self.kind]().get_import_fields()}

    def plan(self, rows: Sequence[Row]) -> None:
        keys = {key for row in rows if (key := row.get(self.key_column))}
        known = {getattr(record, self.key_column): record for record in self._load(keys)}
        self._look_up(rows)
        self._note_taken(rows)
        for row in rows:
            row.key = str(row.get(self.key_column) or "")
            self.refuse_twice(row, row.key, self.key_column)
            if not row.errors:
                self._plan_row(row, known.get(row.key))

    def write(self) -> None:
        rows = self.model._default_manager
        rows.bulk_create(self._fresh.values(), batch_size=500)
        if self._changed:
            rows.bulk_update(self._changed.values(), sorted(self._fields), batch_size=500)
        self._fresh.clear()
        self._changed.clear()
        self._fields.clear()

    def _load(self, keys: Iterable[str]) -> Iterable[Any]:
        raise NotImplementedError

    def _look_up(self, rows: Sequence[Row]) -> None:
        """Read what the rows refer to."""
        raise NotImplementedError

    def _values(self, row: Row, record: Any) -> dict[str, Any]:
        """Return the values of fields that a row sets; refuse what cannot be."""
        raise NotImplementedError

    def _cell(self, record: Any, column: str) -> Any:
        """Return what the export of a record holds in a column."""
        return getattr(record, self.aliases.get(column, column))

    def _plan_row(self, row: Row, record: Any) -> None:
        is_new = record is None
        if is_new:
            record = self.model(**{self.key_column: row.key})
            for column in self.needed_for_new:
                if row.get(column) in (None, ""):
                    row.refuse(column, f"A new {self.model._meta.verbose_name} needs this.")
            if row.errors:
                return
        before = {} if is_new else {column: self._cell(record, column) for column in row.given}
        for name, value in self._values(row, record).items():
            setattr(record, name, value)
        if row.errors or not self._is_valid(row, record):
            return
        self._compare(row, record, before, is_new)

    def _is_valid(self, row: Row, record: Any) -> bool:
        columns = {name: column for column, name in self.aliases.items()}
        relations = [one.name for one in self.model._meta.fields if one.is_relation]
        try:
            record.clean_fields(exclude=["id", *relations])
        except ValidationError as error:
            refuse_invalid(row, error, columns)
        for name in self.unique:
            value = getattr(record, name)
            owner = self._taken.setdefault((name, value), row.key) if value not in (None, "") else row.key
            if owner != row.key:
                row.refuse(columns.get(name, name), f"{self.unique[name]} {value} belongs to {owner}.")
        return not row.errors

    def _compare(self, row: Row, record: Any, before: dict[str, Any], is_new: bool) -> None:
        for column in (name for name in self._widgets if name in row.given):
            after = self._cell(record, column)
            if is_new or before[column] != after:
                shown = ["" if is_new else self._shown(column, before[column]), self._shown(column, after)]
                if shown[0] != shown[1]:
                    row.differences.append((column, *shown))
        if is_new:
            row.outcome = NEW
            self._fresh[row.key] = record
        elif row.differences:
            row.outcome = CHANGED
            self._changed[record.pk] = record
            self._fields |= self._written(row)

    def _written(self, row: Row) -> set[str]:
        return {self.aliases.get(column, column) for column in row.given} - {self.key_column}

    def _shown(self, column: str, value: Any) -> str:
        words = str(self._widgets[column].render(value))
        return words if len(words) <= SHOWN_CHARACTERS else f"{words[:SHOWN_CHARACTERS]}…"

    def _note_taken(self, rows: Sequence[Row]) -> None:
        """Remember who owns the unique values that the rows name. One query a field."""
        for name in self.unique:
            wanted = [value for row in rows if (value := row.get(name))]
            found = self.model._default_manager.filter(**{f"{name}__in": wanted})
            for value, owner in found.values_list(name, self.key_column):
                self._taken.setdefault((name, value), owner)


class ProductSheet(RecordSheet):
    kind = ImportJob.Kind.PRODUCTS
    model = Product
    key_column = "code"
    aliases = {"published": "is_published", "vegan": "is_vegan"}
    needed_for_new = ("name", "category", "kind")
    unique = {"slug": "The slug"}

    def _load(self, keys: Iterable[str]) -> Iterable[Product]:
        return Product.objects.select_related("category").filter(code__in=keys)

    def _look_up(self, rows: Sequence[Row]) -> None:
        self._categories = {category.slug: category for category in Category.objects.all()}

    def _cell(self, record: Product, column: str) -> Any:
        return record.category.slug if column == "category" else super()._cell(record, column)

    def _values(self, row: Row, record: Product) -> dict[str, Any]:
        values = {self.aliases.get(name, name): row.get(name) for name in row.given if name != "category"}
        for name, default in (("is_published", False), ("position", 0)):
            if name in values and values[name] is None:
                values[name] = default
        if record.pk is None and not values.get("slug"):
            values["slug"] = slugify(row.values.name)[:120]
        if row.get("category"):
            category = self._categories.get(row.values.category)
            if category is None:
                row.refuse("category", f"There is no category with the slug {row.values.category[:40]}.")
            else:
                values["category"] = category
        self._refuse_other_kind(row, record)
        # auto_now does not reach a bulk update.
        values["updated_at"] = self.at
        return values

    def _is_valid(self, row: Row, record: Product) -> bool:
        if super()._is_valid(row, record) and record.is_published and row.given & _READ:
            _refuse_claims(row, record)
        return not row.errors

    def _refuse_other_kind(self, row: Row, record: Product) -> None:
        """A bundle stays one: what it is made of depends on it."""
        kind = row.get("kind")
        if record.pk is not None and kind and (kind == Product.Kind.BUNDLE) != record.is_bundle:
            row.refuse("kind", "Goods do not become a bundle, nor a bundle goods. Enter a new product.")

    def _written(self, row: Row) -> set[str]:
        return super()._written(row) | {"updated_at"}


def _refuse_claims(row: Row, product: Product) -> None:
    """Refuse what a rule stops in the words of a product on sale: by its column, or by the one that puts
    words on sale which the file leaves as they are.
    """
    for name, found in wording.blocks(wording.texts_of(product)):
        column = next((one for one in (name, "published") if one in row.given), ProductSheet.key_column)
        words = f"{found.rule}, “{found.match}”"
        where = words if column == name else f"{name.replace('_', ' ')}: {words}"
        row.refuse(column, f"{where}: {found.reason} {found.suggestion}")


class VariantSheet(RecordSheet):
    kind = ImportJob.Kind.VARIANTS
    model = Variant
    key_column = "sku"
    aliases = {"has_lots": "is_lot_tracked", "subscribable": "is_subscribable", "archived": "archived_at"}
    needed_for_new = ("product", "name", "net_content", "net_unit", "gross_weight_g")
    unique = {"gtin": "The GTIN"}

    def _load(self, keys: Iterable[str]) -> Iterable[Variant]:
        return Variant.objects.select_related("product").filter(sku__in=keys)

    def _look_up(self, rows: Sequence[Row]) -> None:
        codes = {row.get("product") for row in rows}
        self._products = {product.code: product for product in Product.objects.filter(code__in=codes)}
        keys = {row.get("sku") for row in rows}
        moved = Variant.objects.filter(sku__in=keys, movements__isnull=False)
        self._with_stock = set(moved.values_list("sku", flat=True).distinct())

    def _cell(self, record: Variant, column: str) -> Any:
        if column == "product":
            return record.product.code
        return record.archived_at is not None if column == "archived" else super()._cell(record, column)

    def _values(self, row: Row, record: Variant) -> dict[str, Any]:
        plain = row.given - {"product", "archived"}
        values = {self.aliases.get(name, name): row.get(name) for name in plain}
        defaults = {one.name: one.get_default() for one in Variant._meta.fields}
        values = {name: defaults[name] if value is None else value for name, value in values.items()}
        if "archived" in row.given:
            values["archived_at"] = (record.archived_at or self.at) if row.values.archived else None
        self._set_product(row, record, values)
        self._refuse_other_tracking(row, record)
        return values

    def _set_product(self, row: Row, record: Variant, values: dict[str, Any]) -> None:
        code = row.get("product")
        if not code:
            return
        product = self._products.get(code)
        if product is None:
            row.refuse("product", f"There is no product with the code {code[:40]}.")
        elif record.pk is not None and record.product_id != product.pk:
            row.refuse("product", f"{record.sku} belongs to {record.product.code}, and stays there.")
        else:
            values["product"] = product

    def _refuse_other_tracking(self, row: Row, record: Variant) -> None:
        wanted = row.get("has_lots")
        if row.key in self._with_stock and wanted is not None and wanted != record.is_lot_tracked:
            row.refuse("has_lots", "There is stock of it: whether it has lots can no longer change.")
