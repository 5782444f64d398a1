"""Search synonyms: what shoppers type, and what is meant. A change counts from the next search on."""

from typing import Any

from django import forms
from django.db import DataError, ProgrammingError, connection, transaction
from django.http import HttpRequest

from catalog.models import Synonym
from catalog.search import reading, synonyms
from shop.admin import ShopAdmin, register
from shop.characters import one_line

# Whether PostgreSQL can read it, and whether anything is left of it: "the | of" asks for nothing.
_READ = "SELECT numnode(to_tsquery('english', %s))"


class SynonymForm(forms.ModelForm):
    def clean_saying(self) -> str:
        """Spell it as searches are read: "Foot-Bath" is "foot bath"."""
        return reading.plain_words(one_line(self.cleaned_data["saying"])).replace("-", " ").strip()

    def clean_means(self) -> str:
        """Words beside each other are all meant; what no search could ask for is refused."""
        means = " ".join(self.cleaned_data["means"].lower().split())
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_READ, [means])
                (words,) = cursor.fetchone()
        except (DataError, ProgrammingError) as error:
            raise forms.ValidationError("Put & or | between words, and close each bracket.") from error
        if not words:
            raise forms.ValidationError("None of these words can be searched for.")
        return means


@register(Synonym)
class SynonymAdmin(ShopAdmin):
    form = SynonymForm
    list_display = ("saying", "means")
    search_fields = ("saying", "means")

    def save_model(self, request: HttpRequest, obj: Synonym, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        transaction.on_commit(synonyms.forget)

    def delete_model(self, request: HttpRequest, obj: Synonym) -> None:
        super().delete_model(request, obj)
        transaction.on_commit(synonyms.forget)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        super().delete_queryset(request, queryset)
        transaction.on_commit(synonyms.forget)
