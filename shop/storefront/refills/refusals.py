"""What a verb refuses, put into the form that asked for it."""

from django.forms import Form

from shop.exceptions import Conflict, InvalidInput, NotFound, ShopError, Unavailable


def status_of(refusal: ShopError) -> int:
    """Return the status of a page that shows a refusal."""
    if isinstance(refusal, InvalidInput | NotFound):
        return 422
    if isinstance(refusal, Unavailable):
        return 503
    return 409 if isinstance(refusal, Conflict) else 422


def tell_in(form: Form, refusal: ShopError) -> None:
    """Say a refusal beside the field that it names ("address.city" is the field city), else on top."""
    told = False
    for name, problems in refusal.fields.items():
        field = name.rpartition(".")[2]
        if field in form.fields and not form.fields[field].widget.is_hidden:
            form.add_error(field, problems[0])
            told = True
    if not told:
        form.add_error(None, refusal.detail)
