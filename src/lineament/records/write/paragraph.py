"""Paragraph: sentences one after the other, no two neighbours of one shape."""

import functools
from collections.abc import Mapping
from random import Random

from lineament.records.write.clauses import read_word_table
from lineament.records.write.draft import pick
from lineament.records.write.grammar import VOICES, Voice, capital, read_words
from lineament.records.write.view import View

MAX_PICKS, MAX_REPEATS = 12, 6
LEAD_CHARS = 6
FEW_SENTENCES = 3
# Every other sentence may begin with the person; other beginnings are noticed when they come again.
SUBJECT_SHAPES = frozenset(("subject", "noun", "owner"))


class Paragraph:
    """Sentences one after the other, no two neighbours of one shape."""

    def __init__(self, view: View, rng: Random) -> None:
        self.view = view
        self.rng = rng
        self.voice: Voice = VOICES[{True: "he", False: "she", None: "they"}[view.male]]
        self.sentences: list[str] = []
        self.shapes: list[str] = []
        self.leads: set[str] = set()
        self.num_words = 0
        self.is_timed = False

    def add(self, section: str, **slots: str) -> None:
        """Add a sentence of a section; its shape differs from the last one's.

        Beginnings such as *up close* come up once where there is a choice, and nothing is said to
        come *besides* or *also* before something else was said.
        """
        options = _sections(section, self.voice, self.view.media)
        last = self.shapes[-1] if self.shapes else ""
        shape, text = last, ""
        for tries in range(MAX_PICKS):
            shape, text = pick(self.rng, options)
            if shape == last or (len(self.shapes) < FEW_SENTENCES and _adds(text)):
                continue
            if text[:LEAD_CHARS] not in self.leads or tries > MAX_REPEATS:
                break
        while shape == last:
            shape, text = pick(self.rng, options)
        if shape not in SUBJECT_SHAPES:
            self.leads.add(text[:LEAD_CHARS])
        self.add_text(shape, capital(text.format(**slots)))

    def add_text(self, shape: str, text: str) -> None:
        """Add a finished sentence."""
        self.sentences.append(text)
        self.shapes.append(shape)
        self.num_words += text.count(" ") + 1

    def true_of(self, names: tuple[str, ...]) -> list[str]:
        """Return those of these names that hold throughout."""
        values = self.view.values
        return [name for name in names if values.get(name) is True]

    def denied_of(self, names: tuple[str, ...]) -> list[str]:
        """Return those of these names that are known not to hold."""
        return [name for name in names if self.view.state(name) is False]

    def noun(self, name: str) -> str:
        """Return a name as a noun phrase."""
        return self.voice.fill(pick(self.rng, read_word_table()[name].nouns))


@functools.cache
def _adds(text: str) -> bool:
    """Say whether a frame speaks as if something of its kind had been said before."""
    return any(word in text for word in ("Besides", "also", "To complete"))


@functools.cache
def read_sections() -> Mapping[str, list]:
    """Read summary.toml."""
    return read_words("summary.toml")


@functools.cache
def _sections(section: str, voice: Voice, media: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (shape, voice.fill(text).replace("{m}", media)) for shape, text in read_sections()[section]
    )
