"""What search looks at: kept by triggers of the database, whoever changes a product and however."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import RegexValidator
from django.db import models

from catalog.models.product import Product


class SearchEntry(models.Model):
    """The words of a product, its sizes, SKUs and shelf, weighted by where they stand."""

    product = models.OneToOneField(Product, on_delete=models.CASCADE, primary_key=True, related_name="search")
    vector = SearchVectorField()

    class Meta:
        db_table = "catalog_search_entry"
        # Written seldom, read often: no list of pending words that every search would have to go through.
        indexes = [GinIndex(fields=["vector"], name="catalog_search_entry_vector", fastupdate=False)]

    def __str__(self) -> str:
        return f"search entry {self.pk}"


class SearchWord(models.Model):
    """A word that products use: what a misspelt one is compared with."""

    word = models.CharField(max_length=60, primary_key=True)

    class Meta:
        db_table = "catalog_search_word"
        indexes = [
            GinIndex(
                fields=["word"],
                name="catalog_search_word_alike",
                fastupdate=False,
                opclasses=["gin_trgm_ops"],
            )
        ]

    def __str__(self) -> str:
        return self.word


class Synonym(models.Model):
    """What shoppers call something, and the words of our products that are meant by it."""

    saying = models.CharField(
        "what people type",
        max_length=60,
        unique=True,
        validators=[
            RegexValidator(
                r"\A[a-z0-9]+(?: [a-z0-9]+){0,3}\Z",
                "One to four words in small letters, without accents and signs: foot bath.",
            )
        ],
    )
    # A tsquery.
    means = models.CharField(
        "what they mean",
        max_length=200,
        help_text="Words of our products. All of them: bath & flakes. One of them: scoop | spoon. "
        "In brackets: foot & (soak | bath).",
        validators=[RegexValidator(r"\A[a-z0-9 &|()]+\Z", "Words, &, | and brackets only.")],
    )

    class Meta:
        db_table = "catalog_search_synonym"
        ordering = ["saying"]
        verbose_name = "search synonym"

    def __str__(self) -> str:
        return self.saying
