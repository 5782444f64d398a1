"""What visitors type: shape is checked here, everything else by the verbs."""

from typing import Any

from django import forms
from django.core.validators import RegexValidator

from catalog.usage import CADENCES_DAYS, Method, UsageGuide
from orders.carts import MAX_QUANTITY, Refill
from orders.models.cart import interval_in_words
from shop.characters import shows_nothing

INTERVALS_WEEKS = [days // 7 for days in CADENCES_DAYS]
INTERVAL_CHOICES = [(weeks, interval_in_words(weeks, "week")) for weeks in INTERVALS_WEEKS]
USUAL_INTERVAL_WEEKS = 4


def visible(text: str) -> None:
    """Refuse characters of which none can be seen."""
    if shows_nothing(text):
        raise forms.ValidationError("This field is required.")


ONE_LINE = (RegexValidator(r"^[^\x00-\x1f\x7f]*\Z", "One line, without control characters."), visible)

NO_CONTROL = (
    RegexValidator(r"^[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f]*\Z", "Letters and line breaks only."),
    visible,
)


class AddToCartForm(forms.Form):
    sku = forms.CharField(max_length=32)
    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    plan = forms.ChoiceField(choices=[("once", "Once"), ("refill", "Refill")], required=False)
    weeks = forms.TypedChoiceField(choices=INTERVAL_CHOICES, coerce=int, required=False, empty_value=None)

    def refill(self) -> Refill | None:
        """Return the refill that was asked for; without a chosen interval, the usual one."""
        if self.cleaned_data.get("plan") != "refill":
            return None
        return Refill("week", self.cleaned_data.get("weeks") or USUAL_INTERVAL_WEEKS)


class LineForm(forms.Form):
    """A line of the cart: "once", or a number of weeks, or the interval that it has already."""

    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY)
    interval = forms.RegexField(r"^(once|(day|week|month):[1-9][0-9]{0,2})\Z", required=False)

    def changes(self) -> dict[str, Any]:
        """Return what to change, as `carts.change_line` takes it."""
        changes: dict[str, Any] = {"quantity": self.cleaned_data["quantity"]}
        interval = self.cleaned_data.get("interval")
        if interval == "once":
            changes["refill"] = None
        elif interval:
            unit, _, count = interval.partition(":")
            changes["refill"] = Refill(unit, int(count))
        return changes


class CodeForm(forms.Form):
    code = forms.CharField(label="Discount code", max_length=40, validators=ONE_LINE)


class EstimateForm(forms.Form):
    """How somebody uses a product; what is left empty is taken from the product's usage guide."""

    size = forms.CharField(max_length=32, required=False)
    method = forms.ChoiceField(label="How you use it", required=False)
    dose = forms.DecimalField(min_value=0, max_value=5000, max_digits=6, decimal_places=2, required=False)
    sessions = forms.IntegerField(label="Soaks a week", min_value=1, max_value=21, required=False)
    sprays = forms.IntegerField(label="Sprays a day", min_value=1, max_value=100, required=False)
    people = forms.IntegerField(label="People", min_value=1, max_value=10, required=False)

    def __init__(self, data: Any, *, guides: list[UsageGuide], auto_id: str = "id_%s") -> None:
        super().__init__(data, auto_id=auto_id)
        method = self.fields["method"]
        assert isinstance(method, forms.ChoiceField)
        method.choices = [(guide.method.value, guide.title) for guide in guides]

    def clean_dose(self) -> Any:
        dose = self.cleaned_data["dose"]
        if dose == 0:
            raise forms.ValidationError("More than nothing.")
        return dose

    def chosen_method(self) -> Method | None:
        chosen = self.cleaned_data.get("method")
        return Method(chosen) if chosen else None


class StockRequestForm(forms.Form):
    sku = forms.CharField(max_length=32)
    email = forms.EmailField(max_length=254)


class CountryForm(forms.Form):
    country = forms.ChoiceField(label="Country")
    next = forms.CharField(required=False, max_length=300)

    def __init__(self, *args: Any, countries: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "country", countries)


class CheckoutForm(forms.Form):
    """Everything that the checkout asks. Labels and autocomplete tokens as browsers know them.

    Source: https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill
    """

    ADDRESS = ("name", "company", "line1", "line2", "city", "region", "postal_code", "country", "phone")

    email = forms.EmailField(label="E-mail", max_length=254)
    name = forms.CharField(label="Full name", max_length=120, validators=ONE_LINE)
    company = forms.CharField(label="Company", max_length=120, required=False, validators=ONE_LINE)
    line1 = forms.CharField(label="Address", max_length=200, validators=ONE_LINE)
    line2 = forms.CharField(label="Flat, building", max_length=200, required=False, validators=ONE_LINE)
    city = forms.CharField(label="Town or city", max_length=120, validators=ONE_LINE)
    region = forms.CharField(label="State", max_length=60, required=False, validators=ONE_LINE)
    postal_code = forms.CharField(label="Postcode", max_length=20, required=False, validators=ONE_LINE)
    country = forms.ChoiceField(label="Country")
    phone = forms.CharField(label="Phone", max_length=32, required=False, validators=ONE_LINE)
    shipping_method = forms.CharField(max_length=40, required=False, validators=ONE_LINE)
    # The fingerprint of an address that looked odd, and is to be used as it is.
    use_anyway = forms.CharField(max_length=64, required=False, validators=ONE_LINE)
    terms = forms.BooleanField(required=False)
    refill = forms.BooleanField(required=False)
    expected_total = forms.IntegerField(min_value=0, max_value=10**12)

    AUTOCOMPLETE = {
        "email": "email",
        "name": "shipping name",
        "company": "shipping organization",
        "line1": "shipping address-line1",
        "line2": "shipping address-line2",
        "city": "shipping address-level2",
        "region": "shipping address-level1",
        "postal_code": "shipping postal-code",
        "country": "shipping country",
        "phone": "shipping tel",
    }
    HINTS = {
        "email": "For your confirmation and what concerns this order. Nothing else.",
        "phone": "Only for the courier.",
    }

    def __init__(self, *args: Any, countries: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "country", countries)
        self.fields["country"].widget.attrs["data-submits"] = "update"
        for name, token in self.AUTOCOMPLETE.items():
            field = self.fields[name]
            field.widget.attrs["autocomplete"] = token
            field.help_text = self.HINTS.get(name, "")

    def ask_for_area(self, word: str) -> None:
        """Call the region what its country calls it: state, province."""
        self.fields["region"].label = word.capitalize()

    def address(self) -> dict[str, str]:
        """Return the address as far as it is valid."""
        return {name: self.cleaned_data.get(name, "") for name in self.ADDRESS}

    def details(self) -> dict[str, Any]:
        """Return what was typed, as `carts.set_details` takes it; a field with an error is left out."""
        found: dict[str, Any] = {}
        if self.cleaned_data.get("country"):
            found["shipping_address"] = self.address()
        for name in ("email", "shipping_method"):
            if self.cleaned_data.get(name):
                found[name] = self.cleaned_data[name]
        return found


def offer(form: forms.Form, name: str, choices: list[tuple[str, str]]) -> None:
    """Give a choice field its choices."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


class WithdrawalForm(forms.Form):
    """A statement of withdrawal: only its shape is looked at, every one is taken."""

    name = forms.CharField(label="Your name", max_length=120, validators=ONE_LINE)
    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        help_text="The receipt goes there. Best the one that you ordered with.",
    )
    order_given = forms.CharField(
        label="Order number",
        max_length=40,
        validators=ONE_LINE,
        help_text="It stands in every mail about it. If you cannot find it: what did you order, and when?",
    )
    statement = forms.CharField(
        label="Your statement",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 5}),
        validators=NO_CONTROL,
    )
    form_key = forms.RegexField(r"^[0-9a-f]{32}\Z", required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        self.fields["email"].widget.attrs["autocomplete"] = "email"
