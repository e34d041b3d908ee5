"""A question as the model reads it: one line, a capital, an end mark, words spelt right."""

import functools
import re

from lineament.claims.lexicon import compile_lexicon
from lineament.claims.typos import correct_word

# Options stand in lines or behind letters of their own; such a question is left as it is.
_OPTIONS = re.compile(r"\(A\)|(?:^|\n)\s*A[.)]\s", re.MULTILINE)
_CLOSED = re.compile(r"[.?!:;…][\"'”’)\]]*$")
_ORDER = re.compile(
    r"^\W*(?:(?:please|now|and|then|kindly)\b,?\s+)*"
    r"(?:describe|description|tell|name|list|give|write|summari[sz]e|summary|caption|count|compare"
    r"|show|say|state|guess|estimate|specify|identify|report|explain|portray|characteri[sz]e"
    r"|pick|choose|select|put|sort|order|arrange|let)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")
# Words of nearly every question; letters swapped in them, or one too few in a long one, are slips.
_COMMON = (
    "the", "this", "that", "what", "when", "where", "which", "who", "how", "does", "his", "her",
    "she", "person", "wearing", "wear", "with", "have", "has", "man", "woman", "many", "people",
    "there", "look", "looks", "looking", "color", "colour", "picture", "describe", "they", "their",
    "hair", "eyes", "face", "smile", "beard", "hat", "old",
)  # fmt: skip
_FIRST_WORD, _OPPOSITE = re.compile(r"^(?:Yes|No)\b"), {"Yes": "No", "No": "Yes"}
_LONG = 6  # letters from which on a word with one too few is known again


def has_options(question: str) -> bool:
    """Say whether a question gives lettered options to choose from."""
    return _OPTIONS.search(question) is not None


def write_plainly(question: str) -> str:
    """Return a question without what differs in its writing alone.

    A line break, capitals throughout, a missing end mark or a slip of the pen would each change
    the answer of a model that was taught on well-written questions. Those stay as they are.
    """
    text = question.strip()
    if not text or has_options(text):
        return text
    text = " ".join(text.split())
    if text.isupper() and sum(letter.isalpha() for letter in text) > 1:
        text = text.lower()
    text = _WORD.sub(lambda match: correct_spelling(match[0]), text)
    return _end(text[0].upper() + text[1:])


def turn_around(answer: str) -> str:
    """Say yes for no and no for yes where an answer begins with either; the rest stays."""
    return _FIRST_WORD.sub(lambda match: _OPPOSITE[match[0]], answer)


def _end(text: str) -> str:
    """End a question with a question mark and an order with a full stop, if it has none."""
    body = text.rstrip(" ?!.")
    marks = text[len(body) :]
    if not body or marks in ("?", ".") or (not marks and _CLOSED.search(text)):
        return text
    is_order = "." in marks or _ORDER.match(body) is not None
    return body + ("?" if "?" in marks or not is_order else ".")


def correct_spelling(word: str) -> str:
    """Return the word that a misspelling stands for, or the word itself."""
    if "'" in word or "’" in word or not word.isascii():
        return word
    lower = word.lower()
    found = _swapped().get(lower) or _shortened().get(lower)
    if not found and not _is_known(lower):
        found = correct_word(lower)
    if not found or f"{found}s" == lower:  # a plural is no slip
        return word
    return found.capitalize() if word[0].isupper() else found


def _is_known(word: str) -> bool:
    lexicon = compile_lexicon()
    return word in lexicon.root or word in lexicon.real_words or word in _all_words()


@functools.cache
def _all_words() -> frozenset[str]:
    """Return every word of the lexicon's phrases, also those that begin none."""
    words: set[str] = set()
    nodes = [compile_lexicon().root]
    while nodes:
        for word, node in nodes.pop().items():
            words.add(word)
            nodes.append(node.further)
    return frozenset(words)


@functools.cache
def _swapped() -> dict[str, str]:
    """Map each common word with two neighbouring letters swapped to itself."""
    found: dict[str, str] = {}
    for word in _COMMON:
        for place in range(len(word) - 1):
            slip = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
            if not _is_known(slip) and slip not in _COMMON:
                found[slip] = word
    return found


@functools.cache
def _shortened() -> dict[str, str]:
    """Map each long common word that lacks a letter to itself."""
    found: dict[str, str] = {}
    for word in _COMMON:
        for place in range(1, len(word) if len(word) >= _LONG else 0):
            slip = word[:place] + word[place + 1 :]
            if not _is_known(slip) and slip not in _COMMON:
                found[slip] = word
    return found
