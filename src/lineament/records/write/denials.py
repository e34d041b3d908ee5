"""Denials: what is not there, to fill a paragraph up to its length."""

import functools
from collections.abc import Mapping

from lineament.records.write.clauses import PLURAL_PARTS, read_word_table
from lineament.records.write.grammar import VOICES, join_words
from lineament.records.write.paragraph import Paragraph

FACIAL_HAIR = ("beard", "goatee", "mustache", "sideburns", "5_o_clock_shadow")
COVERED = ("forehead_occluded", "eye_occluded", "mouth_occluded")
DENIED_WORN = (
    "eyeglasses", "sunglasses", "wearing_hat", "wearing_mask", "wearing_earrings",
    "wearing_necklace", "wearing_lipstick", "eye_makeup", "wearing_headphones",
)  # fmt: skip
DENIED_HAD = ("beard", "mustache", "sideburns", "freckle", "wrinkles", "bangs", "scar", "mole")
DENIED_DONE = ("smile", "talk", "frown", "nod", "blink", "yawn", "laugh", "close_eyes")
DENIED_LOOKS = ("anger", "sadness", "surprise", "fear", "disgust", "happy", "neutral")
# Section, names, and the part for qualities of one; more telling ones come first.
Denial = tuple[str, tuple[str, ...], str]
DENIALS: tuple[Denial, ...] = (
    ("not_worn", DENIED_WORN, ""),
    ("not_have", DENIED_HAD, ""),
    ("not_look", DENIED_LOOKS, ""),
    ("not_do", DENIED_DONE, ""),
    ("not_part", ("black_hair", "brown_hair", "blonde_hair", "red_hair", "gray_hair"), "hair"),
    ("not_covered", COVERED, ""),
    ("not_picture", ("blurry",), ""),
)


def add_denials(paragraph: Paragraph, limit: int) -> None:
    """Fill up with what is not there, until the paragraph is long enough."""
    groups = _groups_of(paragraph.view.male)
    sections = [item for group in groups for item in _shuffled(group, paragraph)]
    for section, names, head in sections:
        if paragraph.num_words >= limit:
            return
        denied = paragraph.denied_of(names)
        # A window of the fixed order rather than any subset: as varied to a reader, and the
        # same sentences come up again, which is what makes verifying them quick.
        if len(denied) > 3:
            start = int(paragraph.rng.random() * (len(denied) - 2))
            denied = denied[start : start + 3]
        if len(denied) < (1 if section == "not_picture" else 2):
            continue
        paragraph.add(section, **_deny(section, tuple(denied), head, paragraph.voice_name))


@functools.cache
def _groups_of(male: bool | None) -> tuple[tuple[Denial, ...], ...]:
    """Return what may be denied; that a woman has no beard goes without saying."""
    unsaid = FACIAL_HAIR if male is False else ()
    denials = tuple(
        (section, tuple(name for name in names if name not in unsaid), head)
        for section, names, head in DENIALS
    )
    return denials[:3], denials[3:]


def _shuffled(group: tuple[Denial, ...], paragraph: Paragraph) -> list[Denial]:
    return sorted(group, key=lambda _: paragraph.rng.random())


@functools.lru_cache(maxsize=4096)
def _deny(section: str, names: tuple[str, ...], head: str, voice_name: str) -> Mapping[str, str]:
    """Return the words that fill a sentence which denies these names."""
    table, voice = read_word_table(), VOICES[voice_name]
    if section in ("not_worn", "not_have"):
        words = [voice.fill(table[name].nouns[0]) for name in names]
    elif section == "not_covered":
        words = [f"{voice.p} {table[name].part}" for name in names]
    else:
        words = [voice.fill(table[name].phrases[0]) for name in names]
    bare = [word.removeprefix("a ").removeprefix("an ") for word in words]
    is_plural = section == "not_covered" and table[names[1]].part in PLURAL_PARTS
    return {
        "nor": join_words([bare[0], *(f"no {word}" for word in bare[1:])]),
        "part": head,
        "a": words[0],
        "b": words[1] if len(words) > 1 else "",
        "or": join_words(words, "or"),
        "is": "are" if is_plural else "is",
    }
