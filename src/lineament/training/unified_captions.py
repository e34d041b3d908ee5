"""Prompts as people type them, and long captions: what a model that draws learns to follow."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from lineament.annotation import Annotation
from lineament.describe.style import STYLE_WORDS, put_style
from lineament.records.write.clauses import read_word_table
from lineament.records.write.draft import pick
from lineament.records.write.grammar import VOICES, gerund, join_words, with_article
from lineament.records.write.summary import CAPTION, GARMENTS, PLACES, write_paragraph
from lineament.records.write.template import main_subject
from lineament.records.write.view import View

STYLED_SHARE = 0.4  # of photos' prompts that say so; drawings' always do
BANDS = ("young", "middle_aged", "elderly")
# Looked for first: said more often than the rest, where known.
MAIN = frozenset((
    "smile", "eyeglasses", "sunglasses", "beard", "mustache", "black_hair", "blonde_hair",
    "brown_hair", "red_hair", "gray_hair", "bald", "wearing_hat", "wearing_lipstick", "happy",
    "young", "elderly", "middle_aged", "black_and_white",
))  # fmt: skip
MAIN_WEIGHT = 4.0
# A caption in words; the longest that the text block must hold.
LONG_WORDS = 90
_BARE_DENIALS = ("eyeglasses", "beard", "wearing_hat", "bangs", "smile", "mustache")


@dataclass
class Pieces:
    """The parts of a prompt, by where they stand in it."""

    before: list[str] = field(default_factory=list)
    having: list[str] = field(default_factory=list)
    hair: list[str] = field(default_factory=list)
    wearing: list[str] = field(default_factory=list)
    doing: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


def say_style(text: str, style: str, rng: Random | None = None) -> str:
    """Put a style in front of a prompt; of photos' prompts some say so, by ``rng``."""
    if rng is None:
        return put_style(text, style)
    is_said = style != "photo" or rng.random() < STYLED_SHARE
    return put_style(text, style, pick(rng, STYLE_WORDS[style])) if is_said else text


def write_prompt(
    annotation: Annotation,
    rng: Random,
    *,
    style: str = "photo",
    names: frozenset[str] | None = None,
) -> str:
    """Write one short prompt: a smiling woman with black hair and glasses.

    Args:
        annotation: Of the picture.
        rng: Chooses what is said and how.
        style: Of the picture.
        names: Say all of these flags that hold, and nothing else; left to chance when None.
    """
    subject = main_subject(annotation)
    if subject is None:
        return say_style("a person", style, rng)
    view = View(annotation, subject)
    pieces = Pieces()
    chosen = frozenset(_choose(view, rng)) if names is None else names
    for name in view.true_names():
        if name in chosen and name not in ("male", "female"):
            _place(pieces, name, view, rng)
    years, is_list = "", False
    if names is None:
        _add_choices(pieces, view, rng)
        _add_denial(pieces, view, rng)
        years, is_list = _years(view, annotation, rng), rng.random() < 0.2
    noun = _noun(view, rng, leave_share=0.08 if names is None else 0.0)
    text = _as_list(pieces, noun, years) if is_list else _as_phrase(pieces, noun, years, rng)
    text = say_style(text, style, rng)
    return f"{text[0].upper()}{text[1:]}." if rng.random() < 0.3 else text


def write_long_caption(annotation: Annotation, rng: Random, *, style: str = "photo") -> str:
    """Write a caption of many sentences, of which some are left out by chance."""
    subject = main_subject(annotation)
    if subject is None:
        return say_style("a person", style, rng)
    paragraph = write_paragraph(View(annotation, subject), rng, CAPTION, LONG_WORDS)
    first, *rest = paragraph.sentences
    kept_share = pick(rng, (0.35, 0.6, 0.8, 1.0))
    kept, room = [first], LONG_WORDS - len(first.split())
    for sentence in rest:
        if rng.random() < kept_share and len(sentence.split()) <= room:
            kept.append(sentence)
            room -= len(sentence.split())
    return say_style(" ".join(kept), style)


def _choose(view: View, rng: Random) -> Iterator[str]:
    """Choose how many flags are said, and which."""
    table = read_word_table()
    names = [n for n in view.true_names() if n not in ("male", "female") and table[n].say != "sex"]
    weights = {name: MAIN_WEIGHT if name in MAIN else 1.0 for name in names}
    count = pick(rng, (1, 2, 2, 3, 3, 4, 5, 6, 8))
    keyed = sorted(names, key=lambda name: -(rng.random() ** (1 / weights[name])))
    yield from keyed[:count]
    if view.values.get("black_and_white") is True:  # colour is what is drawn unless said
        yield "black_and_white"


def _place(pieces: Pieces, name: str, view: View, rng: Random) -> None:
    """Put a flag where a prompt says it."""
    word = read_word_table()[name]
    phrase = VOICES[{True: "he", False: "she", None: "they"}[view.male]].fill(
        pick(rng, word.phrases)
    )
    if word.say == "wear":
        pieces.wearing.append(phrase)
    elif word.say == "have":
        pieces.having.append(phrase)
    elif word.say == "part" and word.part == "hair" and not word.is_predicate_only:
        pieces.hair.append(phrase)
    elif word.say == "part":
        pieces.having.append(
            f"{word.part} {phrase}" if word.is_predicate_only else pick(rng, word.nouns)
        )
    elif word.say == "be" or name in BANDS:
        pieces.before.append(phrase)
    elif word.say == "look":
        said = phrase if rng.random() < 0.4 else f"looking {phrase}"
        (pieces.before if said == phrase else pieces.doing).append(said)
    elif word.say == "do":
        said = gerund(phrase)
        (pieces.before if " " not in said and rng.random() < 0.6 else pieces.doing).append(said)
    elif word.say == "picture":
        pieces.behind.append(f"in a {phrase} picture" if " of " not in phrase else phrase)


def _add_choices(pieces: Pieces, view: View, rng: Random) -> None:
    """Add colours, pose and place, each now and then."""
    values = view.values
    if values.get("eye_color") and rng.random() < 0.2:
        pieces.having.append(f"{values['eye_color']} eyes")
    garment = values.get("clothes_type")
    if garment and rng.random() < 0.2:
        words = (str(values.get("clothes_color") or ""), GARMENTS.get(str(garment), str(garment)))
        pieces.wearing.append(with_article(" ".join(filter(None, words))))
    elif values.get("clothes_color") and rng.random() < 0.1:
        pieces.wearing.append(f"{values['clothes_color']} clothes")
    pose = values.get("head_pose")
    if pose in ("left", "right") and rng.random() < 0.3:
        pieces.doing.append(f"head turned to the {pose}")
    if values.get("place") and rng.random() < 0.12:
        pieces.behind.append(PLACES[str(values["place"])])
    elif values.get("background_color") and rng.random() < 0.2:
        pieces.behind.append(f"on a {values['background_color']} background")


def _add_denial(pieces: Pieces, view: View, rng: Random) -> None:
    if rng.random() < 0.06:
        denied = [name for name in _BARE_DENIALS if view.state(name) is False]
        nouns = [noun for name in denied for noun in read_word_table()[name].nouns[:1]]
        if nouns:
            pieces.behind.append(f"without {pick(rng, nouns)}")


def _noun(view: View, rng: Random, *, leave_share: float) -> str:
    if view.male is None or rng.random() < leave_share:
        return "person"
    return "man" if view.male else "woman"


def _years(view: View, annotation: Annotation, rng: Random) -> str:
    """Say an age in years now and then; a label's decade is said as such."""
    if rng.random() > 0.25:
        return ""
    if "age_low" in annotation.extra:
        low = int(annotation.extra["age_low"])
        if low < 20:
            return ""
        return f"in the {low // 10 * 10}s" if rng.random() < 0.5 else f"about {low + 5} years old"
    years = view.values.get("age_years")
    if isinstance(years, int | float) and not isinstance(years, bool):
        return f"about {round(years)} years old"
    return ""


def _as_phrase(pieces: Pieces, noun: str, years: str, rng: Random) -> str:
    having = list(pieces.having)
    if pieces.hair:
        having.insert(0, f"{' '.join(_order_hair(pieces.hair))} hair")
    rng.shuffle(having)
    parts = [with_article(" ".join([*pieces.before[:3], noun]))]
    if years:
        parts.append(years)
    extra = pieces.before[3:] + pieces.doing
    if having:
        parts.append(f"with {join_words(having)}")
    if pieces.wearing:
        is_joined = bool(having) and rng.random() < 0.4
        parts.append(f"{'and' if is_joined else 'wearing'} {join_words(pieces.wearing)}")
    text = " ".join(parts + pieces.behind)
    return f"{text}, {join_words(extra)}" if extra else text


def _as_list(pieces: Pieces, noun: str, years: str) -> str:
    hair = [f"{' '.join(_order_hair(pieces.hair))} hair"] if pieces.hair else []
    parts = [*pieces.before, *hair, *pieces.having, *pieces.wearing, *pieces.doing]
    return ", ".join([noun, *([years] if years else []), *parts, *pieces.behind])


def _order_hair(words: list[str]) -> list[str]:
    """Put length before form before colour."""
    rank = {"long": 0, "short": 0, "straight": 1, "wavy": 1, "curly": 1}
    return sorted(words, key=lambda word: rank.get(word, 2))
