"""Dialogues: what is asked about one item, so that over many items no question tells its answer."""

import functools
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import resources
from random import Random
from typing import Any

from lineament.annotation import Annotation, Fact
from lineament.records.write.clauses import find_clauses, read_word_table
from lineament.records.write.draft import Draft, answer_voice, ask_voice, pick, reply
from lineament.records.write.grammar import VOICES, number_word, sentence
from lineament.records.write.template import KINDS, main_subject
from lineament.records.write.view import View
from lineament.records.write.yes_no import ask_yes_no
from lineament.training.examples import Dialogue

# How often each kind is asked of an item; above 1, so many on average.
KIND_RATES: Mapping[str, float] = {
    "summary": 0.35, "which": 0.8, "color": 0.8, "choose": 0.15, "list": 0.7, "count": 0.6,
    "timed": 2.0, "sex": 0.5, "age": 0.9, "emotion": 0.6, "cues": 0.15, "conversation": 0.2,
    "unanswerable": 0.35,
}  # fmt: skip
HEAD_MOVES = frozenset(("turn", "nod", "shake_head", "head_wagging", "look_around"))
NOUN_SHARE, OTHER_WORDS_SHARE = 0.3, 0.2
# The first word of an answer says most; without this, the words that all answers share teach more.
START_WEIGHT = 5.0
# A name far rarer in one state than in the other still counts this much in the common one.
LEAST_SHARE = 0.005
DECADE, YOUNGEST, OLDEST = 10, 20, 80  # years


@functools.cache
def _read_tables() -> Mapping[str, Any]:
    text = (resources.files("lineament.training") / "dialogues.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _table(name: str) -> list[str]:
    return _read_tables()[name]


@dataclass(frozen=True)
class DialogueWriter:
    """Writes the dialogues about one item.

    Attributes:
        rates: For each flag how often it is false and how often true among the items.
        num_yes_no: Yes/no questions about an item, on average over those of the rates.
        mean_weight: What the weights of an item's flags add up to on average, see `sum_weights`.
            Every item is asked by the same measure: to ask each about equally many would be to
            ask those without anything rare about what they lack, and no would be the answer.
        kind_rates: How often the other kinds are asked.
        importance: How much more often than others some flags are asked about.
        neutral_share: How often a question speaks of *the person*, so that no word of it tells
            the apparent sex.
        older_share: How many times it is asked whether somebody is older than so many years.
        names: The flags that are asked about; empty is all.
        is_plain: Whether questions are never denied and answers are a bare yes or no: with
            these a new model learns to look before it learns to talk.
        is_steady: Whether every answer keeps to one form, see `View`.
        denied_share: How many questions are surely denied ("is it true that ... not ...?"),
            beside those that happen to be.
        moves_share: How often it is asked whether the head moves at all.
        age_blur: How often an age is said one decade off, either way, where a label stands for
            its neighbours, too (label distribution learning, Gao et al. 2017): what is said most
            often is then seldom far off.
    """

    rates: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    num_yes_no: int = 7
    mean_weight: float = 0.0
    kind_rates: Mapping[str, float] = field(default_factory=lambda: dict(KIND_RATES))
    importance: Mapping[str, float] = field(default_factory=dict)
    neutral_share: float = 0.6
    older_share: float = 0.6
    names: frozenset[str] = frozenset()
    is_plain: bool = False
    is_steady: bool = True
    denied_share: float = 0.0
    moves_share: float = 0.0
    age_blur: float = 0.0

    def write(self, annotation: Annotation, rng: Random) -> tuple[Dialogue, ...]:
        """Write some dialogues; none about an item of which nothing is known."""
        subject = main_subject(annotation)
        if subject is None:
            return ()
        view = View(annotation, subject, is_steady=self.is_steady)
        drafts = list(self._ask_flags(view, rng))
        for kind, rate in self.kind_rates.items():
            count = int(rate) + (rng.random() < rate % 1)
            if count:
                seen = self._blur_age(view, rng) if kind == "age" else view
                written = KINDS[kind](seen, rng, count)
                drafts += map(partial(shorten, rng=rng), written) if kind == "summary" else written
        for _ in range(int(self.older_share) + (rng.random() < self.older_share % 1)):
            denied = 0.0 if self.is_plain else max(0.3, self.denied_share)
            older = write_older(annotation, rng, denied_share=denied)
            drafts += [older] if older else []
        if rng.random() < self.moves_share:
            moves = write_moves(view, rng)
            drafts += [moves] if moves else []
        rng.shuffle(drafts)
        return tuple(dialogue_from_draft(draft, is_bare=self.is_plain) for draft in drafts)

    def _blur_age(self, view: View, rng: Random) -> View:
        if not self.age_blur or rng.random() >= self.age_blur:
            return view
        moved = move_age(view.annotation, pick(rng, (-DECADE, DECADE)))
        return View(moved, view.subject, is_steady=self.is_steady)

    def _ask_flags(self, view: View, rng: Random) -> Iterator[Draft]:
        """Ask about flags, each as often where it is true as where it is false."""
        states = self._states(view)
        weights = [self._weight(name, holds) for name, holds in states]
        scale = self.num_yes_no / (self.mean_weight or sum(weights) or 1.0)
        for (name, holds), weight in zip(states, weights, strict=True):
            wanted = weight * scale
            for _ in range(int(wanted) + (rng.random() < wanted % 1)):
                is_neutral = rng.random() < self.neutral_share
                must_deny = bool(self.denied_share) and rng.random() < self.denied_share
                yield ask_flag(
                    view, rng, name, holds=holds, is_neutral=is_neutral,
                    may_deny=not self.is_plain, must_deny=must_deny,
                )  # fmt: skip

    def sum_weights(self, annotation: Annotation) -> float:
        """Return by how much an item would be asked about its flags."""
        subject = main_subject(annotation)
        if subject is None:
            return 0.0
        states = self._states(View(annotation, subject))
        return sum(self._weight(name, holds) for name, holds in states)

    def _states(self, view: View) -> list[tuple[str, bool]]:
        states = [(name, True) for name in view.true_names()]
        states += [(name, False) for name in view.false_names()]
        return [state for state in states if not self.names or state[0] in self.names]

    def _weight(self, name: str, holds: bool) -> float:
        share = max(self.rates.get(name, (0.5, 0.5))[holds], LEAST_SHARE)
        other = max(self.rates.get(name, (0.5, 0.5))[not holds], LEAST_SHARE)
        return self.importance.get(name, 1.0) * min(share, other) / share


def ask_flag(
    view: View,
    rng: Random,
    name: str,
    *,
    holds: bool,
    is_neutral: bool,
    may_deny: bool = True,
    must_deny: bool = False,
) -> Draft:
    """Ask whether a flag holds; the answer is yes or no and the clause that says so.

    However the question is put, the answer begins with one of two words: a model that is not
    sure weighs the answers, not the many ways to begin one.
    """
    male = view.male
    if is_neutral:
        view.male = None  # the question leaves the apparent sex open
    try:
        is_yes = not holds if must_deny else None if may_deny else holds
        draft = ask_yes_no(view, rng, name, holds=holds, is_yes=is_yes)
    finally:
        view.male = male
    question = draft.pairs[0][0]
    is_yes = draft.polarity.endswith("yes")
    nouns = read_word_table()[name].nouns
    if must_deny:
        pass
    elif nouns and rng.random() < NOUN_SHARE:
        question, is_yes = _ask_noun(view, rng, nouns, holds, may_deny=may_deny)
    elif rng.random() < OTHER_WORDS_SHARE and name in _other_words():
        asked = pick(rng, _other_words()[name]).replace("{m}", view.media)
        question, is_yes = sentence(f"{VOICES[ask_voice(view, rng)].fill(asked)}?"), holds
    elif name == "male" and not is_about_man(question):
        name, holds = "female", not holds
    clause = reply(view, rng, find_clauses(name, answer_voice(view, rng), view.media))
    said = f"{'Yes' if is_yes else 'No'}, {clause.pos if holds else clause.neg}."
    return draft._replace(pairs=((question, sentence(said)),))


def _ask_noun(
    view: View, rng: Random, nouns: tuple[str, ...], holds: bool, *, may_deny: bool
) -> tuple[str, bool]:
    """Ask whether a thing is to be seen, or is not."""
    noun = VOICES["the person"].fill(pick(rng, nouns))
    be = "are" if noun.endswith("s") and not noun.startswith(("a ", "an ")) else "is"
    if may_deny and rng.random() < 0.3:
        bare = noun.removeprefix("a ").removeprefix("an ")
        frame = pick(rng, _table("noun_denied")).replace("{x}", bare)
        is_yes = not holds
    else:
        frame, is_yes = pick(rng, _table("noun_asked")).replace("{x}", noun), holds
    return sentence(frame.replace("{be}", be).replace("{m}", view.media)), is_yes


def _other_words() -> Mapping[str, list[str]]:
    """Return questions that people ask and the template writer does not."""
    return _read_tables()["other_words"]


def is_about_man(question: str) -> bool:
    """Say whether a question about apparent sex names a man; otherwise it names a woman."""
    words = question.lower().replace("?", " ").replace(",", " ").split()
    return "man" in words or "male" in words


def write_older(annotation: Annotation, rng: Random, *, denied_share: float = 0.3) -> Draft | None:
    """Ask whether the person is older, or younger, than some years; as often yes as no."""
    span = find_years(annotation)
    if span is None:
        return None
    low, high = span
    is_older = rng.random() < 0.5
    edges = [
        years
        for years in range(20, 75, 5)
        if (years <= low and low - years < 30 if is_older else years >= high and years - high < 30)
    ]
    if not edges:
        return None
    years = 45 if 45 in edges and rng.random() < 0.4 else pick(rng, edges)
    asks_older = rng.random() < 0.7
    is_denied = denied_share > 0 and rng.random() < denied_share
    frames = _table("older_denied") if is_denied else _table("older_asked")
    frame = pick(rng, frames)
    word, over = ("older than", "over") if asks_older else ("younger than", "under")
    question = frame.replace("{older}", word).replace("{over}", over).replace("{n}", str(years))
    holds = is_older == asks_older
    is_yes = holds != is_denied
    said = f"the person looks {'older' if is_older else 'younger'} than {years}"
    media = "clip" if annotation.duration_seconds else "picture"
    answer = sentence(f"{'Yes' if is_yes else 'No'}, {said}.")
    return Draft("age", 1, ((sentence(question.replace("{m}", media)), answer),))


def shorten(draft: Draft, rng: Random) -> Draft:
    """Ask for a description in few words, as people do, half the time."""
    if rng.random() < 0.5:
        return draft
    question = pick(rng, _table("describe_asked"))
    return draft._replace(pairs=((question, draft.pairs[0][1]), *draft.pairs[1:]))


def write_moves(view: View, rng: Random) -> Draft | None:
    """Ask whether the head moves in any way, which one picture does not tell.

    None where half an annotation cannot tell it, either.
    """
    moves = HEAD_MOVES.intersection(view.true_names())
    is_clip = bool(view.annotation.duration_seconds)
    if is_clip and not moves and not HEAD_MOVES.issubset(view.false_names()):
        return None
    is_denied = rng.random() < 0.3
    frame = pick(rng, _table("moves_denied" if is_denied else "moves_asked"))
    question = VOICES[ask_voice(view, rng)].fill(frame.replace("{m}", view.media))
    if not is_clip:
        answer = pick(rng, _table("moves_unseen"))
        return Draft("unanswerable", 1, ((sentence(f"{question}?"), answer),))
    said = "moves the head" if moves else "does not move the head"
    answer = f"{'Yes' if bool(moves) != is_denied else 'No'}, the person {said}."
    return Draft("yes_no", 3, ((sentence(f"{question}?"), answer),))


def write_alone(num_people: int, rng: Random) -> Draft:
    """Ask whether there is more than one person, or only one."""
    asks_several = rng.random() < 0.5
    question = pick(rng, _table("several_asked" if asks_several else "alone_asked"))
    is_yes = asks_several == (num_people > 1)
    count = "is one person" if num_people == 1 else f"are {number_word(num_people)} people"
    said = f"{'Yes' if is_yes else 'No'}, there {count}."
    return Draft("count", 1, ((question, said),))


def move_age(annotation: Annotation, years: int) -> Annotation:
    """Move the ages, where they stay within 20 to 79 years."""

    def move(fact: Fact) -> Fact:
        if fact.name != "age_years" or not isinstance(fact.value, int | float):
            return fact
        age = fact.value + years
        return replace(fact, value=age) if YOUNGEST <= age < OLDEST else fact

    return replace(annotation, facts=tuple(map(move, annotation.facts)))


def find_years(annotation: Annotation) -> tuple[float, float] | None:
    """Return the least and greatest age that a label allows."""
    if "age_low" in annotation.extra:
        return float(annotation.extra["age_low"]), float(annotation.extra["age_high"]) + 1
    for fact in annotation.facts:
        if fact.name == "age_years" and isinstance(fact.value, int | float):
            return float(fact.value) - 2, float(fact.value) + 2
    return None


def write_faceless(annotation: Annotation, rng: Random, count: int = 8) -> tuple[Dialogue, ...]:
    """Write questions as about somebody, where nobody is to be seen.

    Args:
        annotation: Of anybody; only the questions come from it.
        rng: Chooses.
        count: How many at most.
    """
    media = "clip" if annotation.duration_seconds else "picture"
    dialogues = []
    for dialogue in DialogueWriter().write(annotation, rng)[:count]:
        question = dialogue.messages[0]
        is_whole = dialogue.kind in ("summary", "caption", "list", "count")
        said = pick(rng, _table("no_face_at_all") if is_whole else _table("no_face")).replace(
            "{m}", media
        )
        answer = {"role": "assistant", "content": said}
        dialogues.append(Dialogue([question, answer], "no_face", 1))
    return tuple(dialogues)


def dialogue_from_draft(draft: Draft, *, is_bare: bool = False) -> Dialogue:
    """Return a draft as a conversation; ``is_bare`` leaves of an answer its yes or no alone."""
    messages = []
    for question, said in draft.pairs:
        word = said.split(",")[0]
        answer = f"{word}." if is_bare and word in ("Yes", "No") else said
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    return Dialogue(messages, draft.kind, draft.level, start_weight=START_WEIGHT)


def known_names() -> frozenset[str]:
    """Return every flag that has words."""
    return frozenset(read_word_table())
