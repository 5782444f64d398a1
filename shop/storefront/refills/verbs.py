"""What can be done to a subscription: for each verb its words, its form, and the call that does it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms

from orders.models.cart import interval_in_words
from orders.subscriptions import changes, extras, swaps
from shop.storefront import markets
from shop.storefront.refills import forms as shapes
from shop.storefront.refills import goods
from shop.storefront.refills.showing import Item, schedule_words


@dataclass(frozen=True, slots=True)
class Ask:
    """A form that was filled in well: what, by whom, when, from where."""

    item: Item
    form: Any
    at: datetime
    ip: str | None

    @property
    def given(self) -> dict[str, Any]:
        return self.form.cleaned_data


@dataclass(frozen=True, slots=True)
class Verb:
    """One page. `done` says in a sentence what is so then."""

    title: str
    button: str
    form: Callable[[Item, Any, datetime], forms.Form]
    act: Callable[[Ask], object]
    done: Callable[[Item], str]
    lead: Callable[[Item, datetime], str] = lambda item, at: ""
    shown: Callable[[Item, datetime], dict[str, Any]] = lambda item, at: {}
    template: str = "storefront/refills/change.html"


def _button(item: Item, data: Any, at: datetime) -> forms.Form:
    return shapes.SeenForm(data, seen=item.tag)


def _reschedule(ask: Ask, **given: Any) -> object:
    return changes.reschedule(ask.item.row, at=ask.at, ip_address=ask.ip, **given)


def _change_interval(ask: Ask) -> object:
    unit, count = ask.form.chosen()
    return _reschedule(ask, unit=unit, count=count)


def _place_form(item: Item, data: Any, at: datetime) -> forms.Form:
    return shapes.PlaceForm(data, seen=item.tag, row=item.row, countries=markets.countries())


def _next(item: Item) -> str:
    return f"The next parcel is due on {schedule_words(item.cycle.due_on)}." if item.cycle else ""


def _rhythm(item: Item) -> str:
    return interval_in_words(item.row.interval_count, item.row.interval_unit)


def _longer(item: Item, at: datetime) -> str:
    if item.cycle is None:
        return ""
    unit, count, day = changes.longer_from(item.row, item.cycle, at=at)
    return (
        f"Instead of {_rhythm(item)} it comes {interval_in_words(count, unit)}. The next parcel comes on "
        f"{schedule_words(day)} instead of {schedule_words(item.cycle.due_on)}."
    )


def _skips(item: Item, at: datetime) -> str:
    if item.cycle is None:
        return ""
    day = schedule_words(item.cycle.due_on)
    return f"Nothing is charged on {day}. The one after it keeps its day, {_rhythm(item)}."


VERBS: dict[str, Verb] = {
    "skip": Verb(
        title="Leave out the next one?",
        button="Leave it out",
        form=_button,
        act=lambda ask: changes.skip(ask.item.row, at=ask.at),
        done=lambda item: f"Left out. {_next(item)}",
        lead=_skips,
    ),
    "unskip": Verb(
        title="Let it come after all?",
        button="Yes, let it come",
        form=_button,
        act=lambda ask: changes.unskip(ask.item.row, at=ask.at),
        done=_next,
        lead=lambda item, at: "The one that you left out comes on its day after all.",
    ),
    "plenty": Verb(
        title="Still have plenty?",
        button="Let it come less often",
        form=_button,
        act=lambda ask: changes.lengthen(ask.item.row, at=ask.at, ip_address=ask.ip),
        done=lambda item: f"From now on it comes {_rhythm(item)}. {_next(item)}",
        lead=_longer,
    ),
    "pause": Verb(
        title="Pause it",
        button="Pause it",
        form=lambda item, data, at: shapes.PauseForm(data, seen=item.tag, row=item.row, at=at),
        act=lambda ask: changes.pause(ask.item.row, until=ask.given["until"], at=ask.at),
        done=lambda item: item.why,
        lead=lambda item, at: "Nothing is sent and nothing is charged while it rests.",
    ),
    "resume": Verb(
        title="Take it up again?",
        button="Take it up again",
        form=_button,
        act=lambda ask: changes.resume(ask.item.row, at=ask.at),
        done=lambda item: f"Taken up again. {_next(item)}",
        lead=lambda item, at: (
            "It goes on in its old rhythm. Before we charge, we write to you with the total."
        ),
    ),
    "interval": Verb(
        title="How often should it come?",
        button="Change the rhythm",
        form=lambda item, data, at: shapes.IntervalForm(data, seen=item.tag, row=item.row),
        act=_change_interval,
        done=lambda item: f"It now comes {_rhythm(item)}. {_next(item)}",
        lead=lambda item, at: "The next parcel then comes one new interval after the last one.",
    ),
    "date": Verb(
        title="When should the next one come?",
        button="Move it",
        form=lambda item, data, at: shapes.DateForm(data, seen=item.tag, row=item.row, at=at),
        act=lambda ask: _reschedule(ask, next_on=ask.given["next_on"]),
        done=_next,
        lead=lambda item, at: _next(item),
    ),
    "quantity": Verb(
        title="How many should come?",
        button="Change the quantity",
        form=lambda item, data, at: shapes.QuantityForm(data, seen=item.tag, row=item.row),
        act=lambda ask: changes.change_quantity(
            ask.item.row, quantity=ask.given["quantity"], at=ask.at, ip_address=ask.ip
        ),
        done=lambda item: f"From the next parcel on you get {item.row.quantity}.",
        lead=lambda item, at: (
            "If the total of a parcel that we announced rises, you hear of it before we charge."
        ),
    ),
    "address": Verb(
        title="Where should it go?",
        button="Send it there",
        form=_place_form,
        act=lambda ask: changes.change_address(ask.item.row, address=ask.form.address(), at=ask.at),
        done=lambda item: f"From the next parcel on it goes to {', '.join(item.address)}.",
    ),
    "swap": Verb(
        title="Another size or scent",
        button="Send this instead",
        form=lambda item, data, at: shapes.SwapForm(data, seen=item.tag),
        act=lambda ask: swaps.swap(ask.item.row, sku=ask.given["sku"], at=ask.at, ip_address=ask.ip),
        done=lambda item: (
            f"From the next parcel on you get {item.row.variant.product.name}, {item.row.variant.name}."
        ),
        shown=lambda item, at: {"choices": goods.to_swap(item.row, at=at)},
        template="storefront/refills/swap.html",
    ),
    "add": Verb(
        title="Add something once",
        button="Add it to the next parcel",
        form=lambda item, data, at: shapes.ExtraForm(
            data, seen=item.tag, choices=goods.to_add(item.row, at=at)
        ),
        act=lambda ask: extras.add(
            ask.item.row, sku=ask.given["sku"], quantity=ask.given["quantity"], at=ask.at, ip_address=ask.ip
        ),
        done=lambda item: "It comes along with the next parcel, once.",
        lead=lambda item, at: (
            "It travels with the next parcel and is charged with it, once. No second delivery fee."
        ),
    ),
}
