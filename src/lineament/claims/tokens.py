"""Text to sentences and tokens, with their places; quoted speech is left out."""

import functools
import re
from typing import NamedTuple

_TOKEN = re.compile(r"[a-z]+|\d+(?:[.,]\d+)?|'(?:s|d|ll|ve|re|m)\b|[^\sa-z\d*_#`'’]", re.ASCII)
_SENTENCE_END = re.compile(
    r"(?<![\d.])\.(?=\s|$|[\"'”)\]])[\"'”)\]]*\s*|\.(?=\s+[^\d\s]|\s*$)\s*|[!?…]+[\"'”)\]]*\s*|\.{2,}\s*|\s*\n[\s\n]*"
)
# The same ends in a text of one line. It begins with a set of signs, so most letters are skipped.
_END_IN_LINE = re.compile(
    r"[.!?…](?:(?<=\.)(?:(?<![\d.]\.)(?=\s|$|[\"'”)\]])[\"'”)\]]*\s*|(?=\s+[^\d\s]|\s*$)\s*|\.+\s*)"
    r"|(?<=[!?…])[!?…]*[\"'”)\]]*\s*)"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:approx|e\.g|i\.e|ca|vs|mr|mrs|ms|dr|no|st|etc|min|sec))$", re.I
)
_QUOTE = re.compile(
    r"\"[^\"\n]*(?:\"|$)|“[^”\n]*(?:”|$)|«[^»\n]*»|„[^“”\n]*[“”]|(?<![\w])[‘'](?=[A-Z])[^\n]*?[.!?,…]['’](?!\w)"
    r"|(?<=[,:] )['‘][^'\n]+['’](?!\w)"
)
_OPEN_QUOTE = re.compile(r"'(?<!\w')")  # an apostrophe within a word opens none
_BULLET = re.compile(r"^\s*(?:[-*•·–+>]+|\(?\d{1,2}[.)](?=\s))\s*")


class Sentence(NamedTuple):
    """One sentence of a text and where it starts."""

    text: str
    start: int


class Token(NamedTuple):
    """One lower-case word, number or sign, and its place in the sentence."""

    word: str
    start: int
    stop: int


def split_sentences(text: str) -> list[Sentence]:
    """Cut a text after full stops, at line breaks and around quoted speech.

    Quoted speech is replaced by blanks, so that offsets hold; a text that is one quotation as
    a whole is read as if it had no quotes.
    """
    text = without_quotes(text)
    sentences: list[Sentence] = []
    for piece, start in split_pieces(text):
        stripped, lead = trim_piece(piece)
        if stripped:
            sentences.append(Sentence(stripped, start + lead))
    return sentences


def split_pieces(text: str) -> list[tuple[str, int]]:
    """Cut a text without quotes after its full stops; blanks stay with the piece before them."""
    pieces: list[tuple[str, int]] = []
    start = 0
    for match in (_SENTENCE_END if "\n" in text else _END_IN_LINE).finditer(text):
        begin, stop = match.span()
        if stop <= start:
            continue
        # Six letters have the longest abbreviation; the one before tells whether a word begins.
        if text[begin] == "." and _ends_short(text[max(start, begin - 7) : begin]):
            continue
        pieces.append((text[start:stop], start))
        start = stop
    if start < len(text):
        pieces.append((text[start:], start))
    return pieces


@functools.lru_cache(maxsize=4096)
def _ends_short(text: str) -> bool:
    """Say whether a text ends with an abbreviation, whose full stop ends no sentence."""
    return bool(_ABBREVIATION.search(text))


def trim_piece(piece: str) -> tuple[str, int]:
    """Return a piece without bullet and blanks, and what was before it; empty without a letter."""
    lead = 0
    bullet = _BULLET.match(piece)
    if bullet:
        lead = bullet.end()
        piece = piece[lead:]
    stripped = piece.strip()
    if not any(c.isalnum() for c in stripped):
        return "", 0
    return stripped, lead + piece.index(stripped)


def without_quotes(text: str) -> str:
    """Return the text with quoted speech replaced by blanks, unless it is one quotation."""
    if "’" in text or "`" in text:
        text = text.replace("’", "'").replace("`", " ")
    if text.startswith('"') and text.rstrip().endswith('"') and text.count('"') == 2:
        return " " + text[1:].rstrip()[:-1]
    has_marks = '"' in text or "“" in text or "‘" in text or "«" in text or "„" in text
    if has_marks or ("'" in text and _OPEN_QUOTE.search(text)):
        return _QUOTE.sub(_blank_quote, text)
    return text


def _blank_quote(match: re.Match[str]) -> str:
    quote = match.group()
    end = "." if quote[-2:-1] in (".", "!", "?") else " "
    return " " * (len(quote) - 1) + end


def split_tokens(text: str) -> list[Token]:
    """Cut a sentence into lower-case tokens; hyphens within words count as blanks."""
    lower = text.lower()
    if "'" in lower or "not" in lower or "nt" in lower:
        return _split_contracted(lower)
    return [Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(_open_hyphens(lower))]


_HYPHEN = re.compile(r"(?<=[a-z\d])-(?=[a-z])")
_SHORT = re.compile(
    r"\b(?P<can>can'?t|cannot)\b|\bwon't\b|\bain't\b|(?P<verb>[a-z]+?)n't\b|"
    r"\b(?P<bare>is|are|was|were|do|does|did|has|have|would|could)nt\b"
)


def _open_hyphens(lower: str) -> str:
    return _HYPHEN.sub(" ", lower) if "-" in lower else lower


def _split_contracted(lower: str) -> list[Token]:
    """Cut ``isn't`` into ``is`` and ``not``, both at the place of the whole word."""
    tokens: list[Token] = []
    place = 0
    lower = _open_hyphens(lower)
    for match in _SHORT.finditer(lower):
        tokens += _plain_tokens(lower, place, match.start())
        start, stop = match.span()
        verb = match["verb"] or match["bare"] or ("can" if match["can"] else "")
        if not verb:
            verb = "will" if match.group().startswith("w") else "is"
        tokens += (Token(verb, start, stop), Token("not", start, stop))
        place = stop
    tokens += _plain_tokens(lower, place, len(lower))
    return tokens


def _plain_tokens(lower: str, start: int, stop: int) -> list[Token]:
    return [Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(lower, start, stop)]
