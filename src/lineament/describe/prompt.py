"""A prompt read before it is drawn: what is known, ignored, a name, or contradicts itself."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lineament.claims import Claim, Range, read_claims
from lineament.claims.scan import find_items
from lineament.claims.state import Item
from lineament.claims.tokens import Sentence, split_sentences
from lineament.describe.style import find_style, put_style
from lineament.errors import BadInput
from lineament.vocabulary import read_vocabulary

MAX_CHARACTERS = 1_000_000
_TITLE_SHARE = 0.6  # from here on capitals tell nothing
SOMEBODY = "a person"  # instead of a name
_BEFORE_SOMEBODY = ("of", "and", "like", "draw", "paint", "show")
# "Draw me a photo of ..." asks for what follows; read as a claim it would be about a photo.
_ASKING = re.compile(
    r"^\s*(?:please\s+)?(?:(?:draw|paint|make|create|generate|show|give)\s+(?:me\s+|us\s+)?)?"
    r"(?:(?:an?|the|some)\s+)?(?:(?:studio|professional|realistic|detailed|colou?r|beautiful|nice"
    r"|close[- ]up|high[- ]quality)\s+)*"
    r"(?:photos?|photographs?|pictures?|images?|portraits?|drawings?|paintings?|headshots?"
    r"|selfies?|shots?|cartoons?|comics?|illustrations?|sketch(?:es)?|renderings?)\s+of\s+",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"^\s*(?:please\s+)?(?:draw|paint|make|create|generate|show|give)\s+(?:me\s+|us\s+)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a text asks to draw.

    Attributes:
        text: As it was given.
        told: What the model is told: the style where one is asked for, and the rest without
            names and unknown words.
        claims: What the vocabulary knows of it.
        ignored: Words left out because no table knows them, each once.
        names: What looks like somebody's name, left out as well.
        conflicts: Pairs of wordings that cannot both hold.
    """

    text: str
    told: str
    claims: tuple[Claim, ...]
    ignored: tuple[str, ...]
    names: tuple[str, ...]
    conflicts: tuple[tuple[str, str], ...]

    def notes(self) -> list[str]:
        """Say in plain sentences what is not drawn as asked."""
        said = []
        if self.names:
            said.append(f"nobody is drawn by name: {', '.join(self.names)} ignored")
        if self.ignored:
            said.append(f"not known and ignored: {', '.join(self.ignored)}")
        said += [
            f"contradiction: {one!r} and {other!r}; either may be drawn"
            for one, other in self.conflicts
        ]
        if not self.claims:
            said.append("nothing in the prompt is known: the face is left to chance")
        return said


def read_prompt(text: str) -> Prompt:
    """Read a prompt of any length.

    Raises:
        BadInput: It is empty or enormous.
    """
    if not text.strip():
        raise BadInput("the prompt is empty", hint='lineament generate "a smiling woman" --out ...')
    if len(text) > MAX_CHARACTERS:
        raise BadInput(
            f"the prompt has {len(text):,} characters, more than {MAX_CHARACTERS:,}",
            hint="a face needs a few sentences",
        )
    names: dict[str, None] = {}
    ignored: dict[str, None] = {}
    told = []
    for sentence in split_sentences(text):
        sentence = _drop_asking(sentence)
        items = find_items(sentence.text)
        spans = _find_names(sentence, items)
        names |= dict.fromkeys(sentence.text[start:stop] for start, stop in spans)
        unknown = [
            _whole_word(sentence.text, item)
            for item in items
            if item.entry.op == "unknown" and not _is_inside(item, spans) and _is_word(item)
        ]
        ignored |= dict.fromkeys(sentence.text[start:stop].lower() for start, stop in unknown)
        told.append(_cut_out(sentence.text, spans, unknown))
    known = " ".join(part for part in told if part)
    claims = read_claims(known)  # without the style: a claim would be about the drawing
    styled = put_style(known, find_style(text))
    conflicts = tuple(_find_conflicts(claims))
    return Prompt(text, styled, claims, tuple(ignored), tuple(names), conflicts)


def shorten(prompt: Prompt, room: int, count_tokens: Callable[[str], int]) -> str:
    """Return what is told, in at most ``room`` tokens: sentences with claims come first.

    Args:
        prompt: As read.
        room: How many tokens the model reads.
        count_tokens: A function from text to its number of tokens.
    """
    if count_tokens(prompt.told) <= room:
        return prompt.told
    kept: list[str] = []
    used = 0
    for sentence in split_sentences(prompt.told):
        if not read_claims(sentence.text):
            continue
        size = count_tokens(" " + sentence.text)
        if used + size > room:
            continue
        kept.append(sentence.text)
        used += size
    return " ".join(kept) or prompt.told


def _find_names(sentence: Sentence, items: list[Item]) -> list[tuple[int, int]]:
    """Find runs of capitalised words with at least one that no table knows.

    A capital at the start of a sentence tells nothing by itself, nor do capitals in a sentence
    that is full of them.
    """
    words = [item for item in items if _is_word(item)]
    capitals = [sentence.text[item.start].isupper() for item in words]
    if not words or (len(words) > 3 and sum(capitals) >= _TITLE_SHARE * len(words)):
        return []
    spans: list[tuple[int, int]] = []
    run: list[Item] = []
    for item, capital in [*zip(words, capitals, strict=True), (None, False)]:
        if item is not None and capital:
            run.append(item)
            continue
        unknown = [one for one in run if one.entry.op == "unknown"]
        if unknown and (len(run) > 1 or run[0] is not words[0]):
            first = unknown[0] if run[0] is words[0] and run[0] not in unknown else run[0]
            spans.append((first.start, run[-1].stop))
        run = []
    return spans


def _is_word(item: Item) -> bool:
    return item.measure is None and item.entry.word[:1].isalpha()


def _is_inside(item: Item, spans: list[tuple[int, int]]) -> bool:
    return any(start <= item.start < stop for start, stop in spans)


def _whole_word(text: str, item: Item) -> tuple[int, int]:
    """Return the span of the word around an item: 8k is one word, not a number and a letter."""
    start, stop = item.start, item.stop
    while start and text[start - 1].isalnum():
        start -= 1
    while stop < len(text) and text[stop].isalnum():
        stop += 1
    return start, stop


def _drop_asking(sentence: Sentence) -> Sentence:
    match = _ASKING.match(sentence.text) or _COMMAND.match(sentence.text)
    if match is None or match.end() >= len(sentence.text):
        return sentence
    return Sentence(sentence.text[match.end() :], sentence.start + match.end())


def _cut_out(text: str, names: list[tuple[int, int]], unknown: list[tuple[int, int]]) -> str:
    """Put somebody in place of names, and remove unknown words with the commas they leave."""
    replaced = [(*span, _stand_in(text, span)) for span in names]
    replaced += [(*span, "") for span in unknown]
    for start, stop, words in sorted(replaced, reverse=True):
        text = text[:start] + words + text[stop:]
    text = re.sub(r"\s+([,.;!?])", r"\1", " ".join(text.split()))
    text = re.sub(r"[,;](?=[,;.!?])", "", text).strip(" ,;-")
    return text if any(c.isalnum() for c in text) else ""


def _stand_in(text: str, span: tuple[int, int]) -> str:
    """Return somebody where a name stood alone; "a Nike cap" and "a woman in Paris" lose it."""
    before = text[: span[0]].split()
    return SOMEBODY if not before or before[-1].lower() in _BEFORE_SOMEBODY else ""


def _find_conflicts(claims: tuple[Claim, ...]) -> Iterator[tuple[str, str]]:
    """Yield pairs of claims on the same subject that cannot both hold."""
    seen: set[tuple[str, str]] = set()
    for number, one in enumerate(claims):
        for other in claims[number + 1 :]:
            pair = (_word(one), _word(other))
            if pair not in seen and one.subject == other.subject and _exclude(one, other):
                seen.add(pair)
                yield pair


def _word(claim: Claim) -> str:
    """Return a claim in its own words, with a "no" where those do not deny by themselves."""
    denied = claim.value is False or claim.negated
    if not denied or claim.name == "male":
        return claim.text
    alone = read_claims(claim.text)
    is_said = any(c.name == claim.name and (c.value is False or c.negated) for c in alone)
    return claim.text if is_said else f"no {claim.text}"


def _exclude(one: Claim, other: Claim) -> bool:
    vocabulary = read_vocabulary()
    if one.name != other.name:
        both_hold = one.value is True and other.value is True
        return both_hold and other.name in vocabulary.excluded_by(one.name)
    if isinstance(one.value, bool) or isinstance(other.value, bool):
        return one.value is not other.value
    if one.negated or other.negated:
        return one.value == other.value and one.negated != other.negated
    if isinstance(one.value, tuple) and isinstance(other.value, tuple):
        return _are_apart(one.value, other.value)
    return one.value != other.value


def _are_apart(one: Range, other: Range) -> bool:
    lows = [low for low in (one[0], other[0]) if low is not None]
    highs = [high for high in (one[1], other[1]) if high is not None]
    return bool(lows and highs) and max(lows) >= min(highs)
