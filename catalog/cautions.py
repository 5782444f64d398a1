"""Cautions by code. One wording for product page, article box, packing slip and mail."""

from collections.abc import Iterable
from dataclasses import dataclass

TEXTS = {
    "EXT_ONLY": "Use it on the outside of the body only. Never drink it.",
    "EYES": "Keep it out of eyes, nose and mouth. If some gets in, rinse with plenty of clean water.",
    "BROKEN_SKIN": "Leave out cuts, sore patches and freshly shaved skin: salt stings.",
    "TINGLE": (
        "It can tingle, itch or dry to a salty film. Rinse it off, and next time use less or thin it with "
        "water. The tingle says nothing about the magnesium in your body."
    ),
    "PATCH": "First time? Try a spot the size of a coin and wait a day.",
    "KIDNEY": (
        "With kidney disease, an irregular heartbeat, or advice to limit magnesium, ask a doctor before you "
        "use it."
    ),
    "PREG": "If you are pregnant or breastfeeding, ask your midwife, doctor or pharmacist first.",
    "NUMB_FEET": (
        "With diabetes, numb feet, poor circulation or a wound on the foot, do not soak your feet unless the "
        "clinician who looks after you agrees. Test the water with a thermometer or your elbow, never with "
        "your toes."
    ),
    "CHILD": (
        "Store it out of children's reach. It is not meant for children under 3; for older ones, ask a "
        "health professional."
    ),
    "SLIP": "Wet tubs and floors get slippery. Step out slowly.",
    "SURFACES": (
        "Salt water can mark stone and metal, so rinse the tub and the taps. Use it in a whirlpool tub only "
        "if the maker of the tub says so."
    ),
    "SYMPTOMS": (
        "This is not a treatment for any condition. See a doctor if pain, tingling, numbness or weakness "
        "stays."
    ),
    "FRAGRANCE": (
        "Scented: the ingredients list names the fragrance substances. Skip it if one disagrees with you."
    ),
}


@dataclass(frozen=True, slots=True)
class Caution:
    code: str
    text: str


def cautions_for(codes: Iterable[str]) -> list[Caution]:
    """Return the cautions of a product's codes, in their order.

    :raises KeyError: for a code that has no text, so that none is dropped silently.
    """
    return [Caution(code, TEXTS[code]) for code in codes]
