"""A question about objects in plain words: phrases that say nothing left out, the rest in order."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lineament.claims.scenes_objects import RELATIONS
from lineament.claims.scenes_sentence import TAGS
from lineament.claims.scenes_words import (
    NUMBERS,
    SIZES,
    Noun,
    Token,
    read_scene_words,
    split_scene_tokens,
)

_PICTURE = (
    r"(?:(?:whole|entire|aerial|satellite)\s+)*"
    r"(?:picture|image|photo|photograph|scene|map|view)\b(?!\s+of\b)"
)
_OF_THE = r"(?:\s+of\s+(?:the|these|those)\b)"
_NUMBER = rf"\d+|{'|'.join(NUMBERS)}"


def _compile(*rows: tuple[str, str]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), plain) for pattern, plain in rows)


# What is said in many ways, and the plain one; the order counts.
_REWRITES = _compile(
    (rf"\b(?:does|do|did)\s+(?:the|this|that)\s+{_PICTURE}\s*(?:as\s+a\s+whole\s+)?"
     r"(?:shows?|contains?|have|holds?|includes?|depicts?)\b", " is there "),
    (r"\b(?:do|can|could)\s+(?:you|we|i|one)\s+(?:see|find|spot|make\s+out)\b", " is there "),
    (rf"\b(?:in|on|of|from|within|across)\s+(?:(?:the|this|that|an?)\s+)?{_PICTURE}", " "),
    (r"\b(?:(?:seen|looking|viewed)\s+)?from\s+above\b", " "),
    (r"\b(?:in\s+total|in\s+all|at\s+all|in\s+view|altogether)\b", " "),
    (r"\b(?:please\s+)?(?:check|tell\s+me|would\s+you\s+say|is\s+it\s+(?:right|true|correct))\b"
     r"(?:\s+(?:if|whether|that)\b)?", " "),
    (r"\b(?:can|could)\b(.*)\bbe\s+(?:seen|found|spotted)\b", r" is \1 "),
    (rf"\b(how\s+many|number|count)\s+(?:of\s+)?(?:all\s+)?(?:the|these|those)\b(?!\s+(?:{_NUMBER})"
     r"\b)", r"\1 "),
    (rf"\b(how\s+many|number){_OF_THE}", r"\1 "),
    (r"\bstep\s+by\s+step\b", " "),
    (r"\b(?:no|not)\s+more\s+than\b", "at most"),
    (r"\b(?:no|not)\s+(?:fewer|less)\s+than\b", "at least"),
    (rf"\b({_NUMBER})\s+or\s+more\b", r"at least \1"),
    (rf"\b({_NUMBER})\s+or\s+(?:fewer|less)\b", r"at most \1"),
    (r"\bboth\s+(?=an?\b)", ""),
    (rf"\bone{_OF_THE}", "at least one"),
    (rf"\bnone{_OF_THE}", "no"),
    (rf"\b(?:some|any){_OF_THE}", "some"),
    (rf"\b({_NUMBER}|several|all|each){_OF_THE}", r"\1"),
    (r"\bneither\s+(?:an?\s+)?", "no "),
    (r"\bnor\s+(?:an?\s+)?", "and no "),
)  # fmt: skip
_HOLDS = re.compile(r"\s*(?:contains?|have|holds?|includes?)\s*", re.IGNORECASE)
_DO = re.compile(r"\b(?:does|do)\s*$", re.IGNORECASE)
_IN = re.compile(r"\bin\s+$", re.IGNORECASE)
# "Two gray and black ships", "the gray and black ships": one lot, or two.
_KEEPS_APART = re.compile(
    rf"(?<!how)\s(?:{_NUMBER}|the|th[eo]se|this|that|all|every|each|both|some|several|many|few|other"
    r"|multiple|numerous)\s*$",
    re.IGNORECASE,
)
_LEAD = re.compile(
    rf"(?P<bound>at\s+least|at\s+most|more\s+than|fewer\s+than|less\s+than|exactly"
    r"|about|around)\b"
    rf"|(?P<number>{_NUMBER}|a\s+single|only\s+one)\b|(?P<only>the\s+only)\b"
    r"|(?P<none>no|without|not)\b|(?P<every>all|every|each|both)\b|(?P<several>several|a\s+few)\b"
    r"|(?P<multiple>multiple)\b|(?P<many>many|numerous)\b|(?P<other>another|(?:the\s+)?other)\b"
    r"|(?P<some>some)\b|(?P<a>an?)\b|(?P<the>the|this|that|these|those)\b",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"\b(?:the|these|those|all|both|every|same)\s+$", re.IGNORECASE)
_DROPPED = re.compile(r"\b(?P<word>other|parked|listed)\b", re.IGNORECASE)
_LETTERS = {
    "noun": "N", "position": "P", "side": "P", "relation": "R", "color": "C", "not": "X",
    "and": "A", "stop": "S", "cover": "V", "urban": "U", "scene": "K", "length": "L",
    "orientation": "D", "it": "I", "be": "", "hedge": "",
}  # fmt: skip
# Read as words of their own: "appears" says nothing, "may" and "where" do.
_STOP_WORDS = frozenset(("but", "while", "whereas", "where"))
PLAIN_LEADS = frozenset(("", "a", "some", "the"))


@dataclass(frozen=True, slots=True)
class Ask:
    """A question in plain words.

    Attributes:
        text: The question, rewritten.
        tokens: What it is made of, ``is`` and ``there`` left out.
        order: One letter for each token: N noun, R relation, P place, C color, X not, A and, O or.
        words: The other words.
    """

    text: str
    tokens: tuple[Token, ...]
    order: str
    words: frozenset[str]

    @property
    def nouns(self) -> tuple[Token, ...]:
        """The noun phrases."""
        return tuple(token for token in self.tokens if token.kind == "noun")

    def lead(self, token: Token) -> str:
        """Return what a noun phrase begins with: a group of `_LEAD`, or nothing."""
        text = self.text[token.start : token.stop]
        dropped = _DROPPED.search(text)
        if dropped is not None:  # the reader passes over these adjectives
            return "other" if dropped["word"].lower() == "other" else "unknown"
        if _BEFORE.search(self.text[: token.start]):  # "the three ships", "all three ships"
            return "unknown"
        if match := _LEAD.match(text):
            return str(match.lastgroup)
        return "" if re.split(r"[\s-]", text.lower())[0] in _first_words() else "unknown"


@functools.cache
def _first_words() -> frozenset[str]:
    """Return the words that a noun phrase of no article or number begins with."""
    table = read_scene_words()
    nouns = (form for pairs in table["noun"].values() for pair in pairs for form in pair)
    others = (form for kind in ("color", "extreme") for group in table[kind].values()
              for form in group)  # fmt: skip
    first = (re.split(r"[\s-]", form.lower())[0] for form in (*nouns, *others))
    return frozenset((*first, *SIZES, "visible"))


def parse_question(question: str) -> Ask:
    """Bring a question into plain words; what is not understood stays among its words."""
    text = question
    for pattern, plain in _REWRITES:
        text = pattern.sub(plain, text)
    text = _spread_colors(_turn_holding(_say_inside(text)))
    every = split_scene_tokens(text)
    rest = list(text.lower())
    for token in every:
        if token.kind != "hedge" and token.value not in _STOP_WORDS:
            rest[token.start : token.stop] = " " * (token.stop - token.start)
    words = re.findall(r"[^\W_]+", "".join(rest))
    ors = [
        Token("or", "or", match.start(), match.end())
        for match in re.finditer(r"\bor\b", "".join(rest))
    ]
    marks = (token for token in every if token.value not in _STOP_WORDS)
    tokens = sorted((*marks, *ors), key=lambda token: token.start)
    kept = [(token, "O" if token.kind == "or" else _LETTERS.get(token.kind, "?"))
            for token in tokens]  # fmt: skip
    kept = [(token, letter) for token, letter in kept if letter]
    while kept and kept[0][1] in "SA":
        kept.pop(0)
    while kept and kept[-1][1] in "SA":
        kept.pop()
    order = "".join(letter for _, letter in kept)
    order = order.replace("SA", "A").replace("SO", "O") if _is_list(order) else order
    tokens = [token for token, letter in kept if letter not in "SAO"]
    return Ask(text, tuple(tokens), order, frozenset(words))


def _is_list(order: str) -> bool:
    return re.fullmatch(r"N(?:S?[AO]?N)+", order) is not None


def _nouns_of(text: str) -> list[Token]:
    return [token for token in split_scene_tokens(text) if token.kind == "noun"]


def _say_inside(text: str) -> str:
    """Say `inside` for the `in` before an object: others stand before places and pictures."""
    for token in reversed(_nouns_of(text)):
        before = text[: token.start]
        match = _IN.search(before)
        if match:
            text = f"{before[: match.start()]}inside {text[token.start :]}"
    return text


def _turn_holding(text: str) -> str:
    """Say ``is there a car inside the lot`` for ``does the lot contain a car``."""
    nouns = _nouns_of(text)
    if len(nouns) != 2:
        return text
    one, other = nouns
    head, between, tail = text[: one.start], text[one.stop : other.start], text[other.stop :]
    first, second = text[one.start : one.stop], text[other.start : other.stop]
    if _DO.search(head) and _HOLDS.fullmatch(between):
        return f"{_DO.sub('is there', head)} {second} inside {first} {tail}"
    if re.match(r"\bhow\s+many\b", head + first, re.IGNORECASE) and _DO.search(between):
        verb = _HOLDS.match(tail)
        if verb and not _DO.sub("", between).strip():
            return f"{head} {first} inside {second} {tail[verb.end() :]}"
    return text


def _spread_colors(text: str) -> str:
    """Say ``gray ships and black ships`` for ``gray and black ships``."""
    for token in reversed(_nouns_of(text)):
        words = text[token.start : token.stop]
        if not token.value.color or not re.match(rf"(?:{'|'.join(_color_words())})\b", words, re.I):
            continue
        noun = re.sub(r"^\w+\s+", "", words)
        spread = _color_list(text[: token.start])
        if spread is None:
            continue
        start, colors, word = spread
        if _KEEPS_APART.search(text[:start]) or (not token.value.is_plural and word != "or"):
            continue
        listed = f" {word} ".join(f"{color} {noun}" for color in (*colors, words.split()[0]))
        text = f"{text[:start]}{listed}{text[token.stop :]}"
    return text


def _color_list(before: str) -> tuple[int, list[str], str] | None:
    """Return where a list of colours begins that ends a text, its colours, and what joins them."""
    one = rf"(?:{'|'.join(_color_words())})"
    match = re.search(
        rf"(?<![\w-])(?P<list>{one}(?:\s*,\s*{one})*)\s*,?\s*\b(?P<word>and|or)\s+$", before, re.I
    )
    if match is None:
        return None
    return match.start(), re.findall(one, match["list"], re.I), match["word"].lower()


def _color_words() -> list[str]:
    return [word for group in read_scene_words()["color"].values() for word in group]


def split_list(order: str) -> str | None:
    """Return what joins the nouns of a list: ``A`` for and, ``O`` for or; None for neither."""
    joins = set(re.sub("N", "", order))
    if not _is_list(order) or joins == {"S"} or not joins:
        return None
    joins.discard("S")
    return joins.pop() if len(joins) == 1 else None


def designate(tokens: tuple[Token, ...], order: str) -> str:
    """Return which objects one noun means, and what narrows it: place, colour, relation.

    The string is empty where the words are in no such order.
    """
    if order not in ("N", "NP", "PN", "PSN", "NC", "NRN"):
        return ""
    noun: Noun = next(token.value for token in tokens if token.kind == "noun")
    told = next((token for token in tokens if token.kind in (*TAGS, "color", "relation")), None)
    if told is None:
        return noun.designator
    if told.kind in TAGS:
        return f"{TAGS[told.kind]}:{told.value} {noun.designator}"
    if told.kind == "color":
        return "" if noun.color else color_of(noun.designator, str(told.value))
    other: Noun = tokens[-1].value
    is_plain = " " not in other.designator and told.value in RELATIONS
    return f"{told.value}:{other.designator} {noun.designator}" if is_plain else ""


def color_of(designator: str, color: str) -> str:
    """Return a designator narrowed to a colour, in the reader's order."""
    *qualities, name = designator.split()
    return " ".join((*qualities, color, name))


def leads_of(ask: Ask) -> Iterator[str]:
    """Yield what each noun phrase begins with."""
    return (ask.lead(token) for token in ask.nouns)
