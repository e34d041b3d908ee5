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
        self.voice_name = {True: "he", False: "she", None: "they"}[view.male]
        self.voice: Voice = VOICES[self.voice_name]
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
        options = _sections(section, self.voice_name, self.view.media)
        count, draw = len(options), self.rng.random
        last = self.shapes[-1] if self.shapes else ""
        is_early = len(self.shapes) < FEW_SENTENCES
        shape, text, lead = last, "", ""
        for tries in range(MAX_PICKS):
            shape, text, lead, adds = options[int(draw() * count)]
            if shape == last or (is_early and adds):
                continue
            if lead not in self.leads or tries > MAX_REPEATS:
                break
        while shape == last:
            shape, text, lead, _ = options[int(draw() * count)]
        if shape not in SUBJECT_SHAPES:
            self.leads.add(lead)
        self.add_text(shape, capital(text.format(**slots)))

    def add_text(self, shape: str, text: str) -> None:
        """Add a finished sentence."""
        self.sentences.append(text)
        self.shapes.append(shape)
        self.num_words += text.count(" ") + 1

    def true_of(self, names: tuple[str, ...]) -> list[str]:
        """Return those of these names that hold throughout."""
        held = self.view.held
        return [] if held.isdisjoint(names) else [name for name in names if name in held]

    def denied_of(self, names: tuple[str, ...]) -> list[str]:
        """Return those of these names that are known not to hold."""
        denied = self.view.denied
        return [name for name in names if name in denied]

    def noun(self, name: str) -> str:
        """Return a name as a noun phrase."""
        return self.voice.fill(pick(self.rng, read_word_table()[name].nouns))


def _adds(text: str) -> bool:
    """Say whether a frame speaks as if something of its kind had been said before."""
    return any(word in text for word in ("Besides", "also", "To complete"))


@functools.cache
def read_sections() -> Mapping[str, list]:
    """Read summary.toml."""
    return read_words("summary.toml")


@functools.cache
def _sections(section: str, voice: str, media: str) -> tuple[tuple[str, str, str, bool], ...]:
    """Return the frames of a section: shape, text, how it begins, whether it adds to others."""
    filled = [
        (shape, VOICES[voice].fill(text).replace("{m}", media))
        for shape, text in read_sections()[section]
    ]
    return tuple((shape, text, text[:LEAD_CHARS], _adds(text)) for shape, text in filled)
