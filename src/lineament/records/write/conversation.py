"""Conversations of several turns in which later questions refer to what was said."""

from collections.abc import Callable, Iterator
from random import Random

from lineament.records.record import REASONING, SEVERAL_FACTS
from lineament.records.write.aspects import Aspect, ask_aspect, read_aspects, tell_aspect
from lineament.records.write.clauses import find_clauses, names_said, read_word_table
from lineament.records.write.draft import Draft, answer_voice, ask_voice, frames, pick, reply
from lineament.records.write.grammar import VOICES, sentence, span_text, third_person
from lineament.records.write.moments import timed_acts
from lineament.records.write.portrait import find_cued, find_cues
from lineament.records.write.unanswerable import ask_untold
from lineament.records.write.view import View
from lineament.records.write.yes_no import ask_yes_no

Pair = tuple[str, str]
Chain = Callable[[View, Random], list[Pair]]
MIN_PAIRS, MAX_PAIRS = 3, 6
UNTOLD_SHARE = 0.3


def write_conversation(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Write conversations of three to six questions, chained by what they refer to."""
    for _ in range(count):
        chains: list[tuple[str, Chain]] = [
            ("has", chain_things), ("aspect", chain_aspects), ("time", chain_times),
            ("emotion", chain_emotion),
        ]  # fmt: skip
        rng.shuffle(chains)
        pairs: list[Pair] = []
        used: set[str] = set()
        for name, chain in chains:
            if len(pairs) >= MAX_PAIRS - 1:
                break
            found = chain(view, rng)
            if found:
                used.add(name)
                pairs += found
        pairs = _without_repeats(pairs)[:MAX_PAIRS]
        if rng.random() < UNTOLD_SHARE and pairs:
            question, answer = ask_untold(view, rng)
            thanks = pick(rng, frames("conversation.thanks", "they", view.media))
            pairs = [*pairs[: MAX_PAIRS - 1], (sentence(thanks.format(q=question)), answer)]
        if len(pairs) >= MIN_PAIRS:
            level = REASONING if "time" in used or "emotion" in used else SEVERAL_FACTS
            yield Draft("conversation", level, tuple(pairs))


def _without_repeats(pairs: list[Pair]) -> list[Pair]:
    seen: set[str] = set()
    kept = []
    for question, answer in pairs:
        if question not in seen:
            seen.add(question)
            kept.append((question, answer))
    return kept


def chain_things(view: View, rng: Random) -> list[Pair]:
    """Ask whether one thing is worn or had, then: and what about another?"""
    table = read_word_table()
    say = pick(rng, ("wear", "have"))
    things = names_said(say)
    right = [name for name in view.true_names() if name in things]
    wrong = [name for name in view.false_names() if name in things]
    names = rng.sample(right, min(len(right), 2)) + rng.sample(wrong, min(len(wrong), 2))
    if len(names) < 2:
        return []
    rng.shuffle(names)
    first, *others = names[:3]
    pairs = [ask_yes_no(view, rng, first, holds=first in right).pairs[0]]
    told = answer_voice(view, rng)
    asked = VOICES[ask_voice(view, rng)]
    for name in others:
        holds = name in right
        noun = asked.fill(table[name].nouns[0])
        question = pick(rng, frames("conversation.what_about", "they", view.media))
        clause = pick(rng, find_clauses(name, told, view.media))
        answer = f"Yes, {clause.pos}." if holds else f"No, {clause.neg}."
        pairs.append((sentence(question.format(x=noun)), answer))
    return pairs


def chain_aspects(view: View, rng: Random) -> list[Pair]:
    """Ask for one aspect of a part, then another of the same, or of another part."""
    known = [aspect for aspect in read_aspects().values() if aspect.find(view) is not None]
    known = [aspect for aspect in known if aspect.topic in _OWNED]
    if not known:
        return []
    rng.shuffle(known)
    first = known[0]
    pairs = [ask_aspect(view, rng, first)]
    same: list[Aspect] = [a for a in known[1:] if a.topic == first.topic]
    other: list[Aspect] = [a for a in known[1:] if a.topic != first.topic]
    if same:
        pairs.append(ask_aspect(view, rng, same[0]))
    if other:
        voice, topic = ask_voice(view, rng), other[0].topic
        frame = pick(rng, frames("conversation.topic", voice, view.media))
        pairs.append(
            (
                sentence(frame.format(topic=topic, be="are" if topic[-1] == "s" else "is")),
                tell_aspect(view, rng, other[0]),
            )
        )
    return pairs


_OWNED = frozenset(("hair", "eyes", "skin", "face", "clothes"))


def chain_times(view: View, rng: Random) -> list[Pair]:
    """Ask whether something is done, when, and what comes after that."""
    acts = timed_acts(view)
    names = [name for _, name in acts]
    sole = [(span, name) for span, name in acts if names.count(name) == 1]
    if not sole:
        return []
    span, name = pick(rng, sole)
    told = VOICES[{True: "he", False: "she", None: "they"}[view.male]]
    verb = _verb(name, told.s, rng)
    pairs = [ask_yes_no(view, rng, name, holds=True).pairs[0]]
    when = pick(rng, frames("conversation.when", ask_voice(view, rng), view.media))
    pairs.append((sentence(when), sentence(f"{told.s} {verb} {span_text(span, rng.random())}.")))
    later = [act for act in acts if act[0][0] >= span[1] and act[1] != name]
    if later and (len(later) < 2 or later[1][0][0] - later[0][0][0] >= 0.3):
        next_span, next_name = later[0]
        voice = ask_voice(view, rng)
        question = pick(rng, frames("conversation.next", voice, view.media))
        verb = _verb(next_name, told.s, rng)
        answer = f"after that, {told.s} {verb} {span_text(next_span, rng.random())}."
        pairs.append((sentence(question), sentence(answer)))
    return pairs


def _verb(name: str, subject: str, rng: Random) -> str:
    voice = next(voice for voice in VOICES.values() if voice.s == subject)
    return third_person(voice.fill(pick(rng, read_word_table()[name].phrases)))


def chain_emotion(view: View, rng: Random) -> list[Pair]:
    """Ask how somebody looks, and what shows it."""
    cued = [name for name in find_cued(view) if name != "elderly"]
    if not cued:
        return []
    name = cued[0]
    told = answer_voice(view, rng)
    word = read_word_table()[name].phrases[0]
    question = pick(rng, frames("emotion.ask", ask_voice(view, rng), view.media))
    answer = reply(view, rng, frames("emotion.answer", told, view.media)[:2]).format(x=word)
    cue = pick(rng, find_cues(view, name))
    clause = pick(rng, find_clauses(cue, told, view.media)).pos
    why = pick(rng, frames("conversation.why", ask_voice(view, rng), view.media))
    because = pick(rng, ("{c}.", "One can see that {c}.", "The cue is that {c}.", "Because {c}."))
    return [
        (sentence(question), sentence(answer)),
        (sentence(why), sentence(because.format(c=clause))),
    ]


__all__ = ["write_conversation"]
