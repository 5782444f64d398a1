"""What customers type about themselves."""

from typing import Any

from allauth.account.forms import (
    AddEmailForm,
    ChangePasswordForm,
    LoginForm,
    ReauthenticateForm,
    ResetPasswordForm,
    ResetPasswordKeyForm,
    SignupForm,
)
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm
from django import forms

from shop.storefront.forms import ONE_LINE, CheckoutForm, offer

LONG_ENOUGH = "At least 10 characters. A few words you can remember are better than signs you cannot."


class NameForm(forms.Form):
    name = forms.CharField(label="Name", max_length=120, required=False, validators=ONE_LINE)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autocomplete"] = "name"


class ForgetMeForm(forms.Form):
    password = forms.CharField(
        label="Your password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class AddressForm(forms.Form):
    """An address of the book: the checkout's fields."""

    is_default = forms.BooleanField(label="Use this address first", required=False)

    def __init__(self, *args: Any, countries: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        example = CheckoutForm(countries=countries)
        for name in CheckoutForm.ADDRESS:
            self.fields[name] = example.fields[name]
        offer(self, "country", countries)
        self.order_fields([*CheckoutForm.ADDRESS, "is_default"])
        self.fields["country"].widget.attrs.pop("data-submits", None)

    def address(self) -> dict[str, str]:
        """Return the fields as the address book takes them."""
        return {name: self.cleaned_data[name] for name in CheckoutForm.ADDRESS}


class OurLoginForm(LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, login="E-mail", password="Password")  # noqa: S106 - a label
        self.fields["password"].help_text = ""


class OurSignupForm(SignupForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, email="E-mail", password1="Password")
        self.fields["password1"].help_text = LONG_ENOUGH


class OurResetForm(ResetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, email="E-mail")


class OurNewPasswordForm(ResetPasswordKeyForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, password1="New password", password2="New password again")
        self.fields["password1"].help_text = LONG_ENOUGH


class OurPasswordForm(ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, oldpassword="Present password", password1="New password", password2="New password again")
        self.fields["oldpassword"].help_text = ""
        self.fields["password1"].help_text = LONG_ENOUGH


class OurEmailForm(AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, email="New e-mail address")


class OurReauthenticateForm(ReauthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, password="Password")  # noqa: S106 - a label
        self.fields["password"].help_text = ""


class OurCodeForm(AuthenticateForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, code="Code")
        self.fields["code"].widget.attrs.update(inputmode="text", autofocus=True)


class OurTotpForm(ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self, code="Code that the app shows")
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


def _label(form: forms.Form, **labels: str) -> None:
    """Give fields our labels; placeholders that repeat them go."""
    for name, label in labels.items():
        form.fields[name].label = label
        form.fields[name].widget.attrs.pop("placeholder", None)
