"""Questions on time: when, how long, what first, what next, at a moment, in which order."""

from collections.abc import Callable, Iterator
from random import Random

from lineament.records.record import REASONING, TIMED
from lineament.records.write.clauses import read_word_table
from lineament.records.write.draft import Draft, answer_voice, ask_voice, frames, pick, reply
from lineament.records.write.grammar import (
    VOICES,
    gerund,
    join_words,
    seconds_text,
    sentence,
    span_text,
    third_person,
)
from lineament.records.write.view import Span, View

CLEAR_GAP_SECONDS = 0.3  # what starts closer together has no order worth asking for
MAX_SPANS = 2


def timed_acts(view: View) -> list[tuple[Span, str]]:
    """Return what is done when, in order of time."""
    table = read_word_table()
    acts = [
        (span, name)
        for name, spans in view.spans.items()
        if name in table and table[name].say == "do"
        for span in spans
    ]
    return sorted(acts)


def write_timed(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask about times; as many different forms as the annotation bears."""
    acts = timed_acts(view)
    if not acts:
        return
    makers: list[Callable[[View, Random, list[tuple[Span, str]]], Draft | None]] = [
        write_when, write_first, write_after, write_at, write_at, write_order, write_how_long,
        write_doing,
    ]  # fmt: skip
    rng.shuffle(makers)
    written = 0
    for make in makers:
        draft = make(view, rng, acts) if written < count else None
        if draft is not None:
            written += 1
            yield draft


def _verbs(name: str, voice: str, rng: Random) -> dict[str, str]:
    base = VOICES[voice].fill(pick(rng, read_word_table()[name].phrases))
    return {"base": base, "verbs": third_person(base), "ing": gerund(base)}


def _pair(
    view: View, rng: Random, form: str, asked_name: str, told_name: str, **slots: str
) -> tuple[str, str]:
    asked, told = ask_voice(view, rng), answer_voice(view, rng)
    form_said = slots.pop("reply", f"{form}_answer")
    question = pick(rng, frames(f"timed.{form}", asked, view.media))
    answer = reply(view, rng, frames(f"timed.{form_said}", told, view.media))
    return (
        sentence(question.format(**_verbs(asked_name, asked, rng), **slots)),
        sentence(answer.format(**_verbs(told_name, told, rng), **slots)),
    )


def _sole(acts: list[tuple[Span, str]]) -> list[tuple[Span, str]]:
    names = [name for _, name in acts]
    return [(span, name) for span, name in acts if names.count(name) == 1]


def write_when(view: View, rng: Random, acts: list[tuple[Span, str]]) -> Draft | None:
    """Ask when something is done that is done once."""
    sole = _sole(acts)
    if not sole:
        return None
    span, name = pick(rng, sole)
    pair = _pair(view, rng, "when", name, name, span=span_text(span, rng.random()))
    return Draft("timed", TIMED, (pair,))


def write_how_long(view: View, rng: Random, acts: list[tuple[Span, str]]) -> Draft | None:
    """Ask how long something is done that is done once."""
    sole = [(span, name) for span, name in _sole(acts) if span[1] - span[0] >= 0.5]
    if not sole:
        return None
    span, name = pick(rng, sole)
    length = seconds_text(span[1] - span[0])
    pair = _pair(
        view, rng, "how_long", name, name, span=span_text(span, rng.random()), length=length
    )
    return Draft("timed", TIMED, (pair,))


def write_first(view: View, rng: Random, acts: list[tuple[Span, str]]) -> Draft | None:
    """Ask what is done first, where that is clear."""
    if len(acts) < 2 or acts[1][0][0] - acts[0][0][0] < CLEAR_GAP_SECONDS:
        return None
    span, name = acts[0]
    pair = _pair(view, rng, "first", name, name, span=span_text(span, rng.random()))
    return Draft("timed", TIMED, (pair,))


def write_after(view: View, rng: Random, acts: list[tuple[Span, str]]) -> Draft | None:
    """Ask what comes next after something that is done once."""
    following = _find_following(acts)
    if not following:
        return None
    name, (span, next_name) = pick(rng, following)
    pair = _pair(view, rng, "after", name, next_name, span=span_text(span, rng.random()))
    return Draft("timed", REASONING, (pair,))


def _find_following(acts: list[tuple[Span, str]]) -> list[tuple[str, tuple[Span, str]]]:
    found = []
    for span, name in _sole(acts):
        later = [act for act in acts if act[0][0] >= span[1] and act[1] != name]
        is_clear = len(later) < 2 or later[1][0][0] - later[0][0][0] >= CLEAR_GAP_SECONDS
        if later and is_clear:
            found.append((name, later[0]))
    return found


def write_at(view: View, rng: Random, acts: list[tuple[Span, str]]) -> Draft | None:
    """Ask whether something is done at one moment, well inside a span or well outside."""
    span, name = pick(rng, _sole(acts) or acts[:1])
    spans = view.spans[name]
    length = view.annotation.duration_seconds
    if len(spans) > MAX_SPANS or not length:
        return None
    is_inside = rng.random() < 0.5
    if is_inside:
        time = (span[0] + span[1]) / 2
    else:
        if name not in view.closed:
            return None  # it may be done at other times, too
        free = [t / 10 for t in range(2, int(length * 10) - 1) if _is_free(t / 10, spans)]
        if not free:
            return None
        time = pick(rng, free)
    pair = _pair(
        view, rng, "at", name, name, time=seconds_text(time), span=span_text(span, rng.random()),
        reply="at_yes" if is_inside else "at_no",
    )  # fmt: skip
    return Draft("timed", TIMED, (pair,), f"positive {'yes' if is_inside else 'no'}")


def _is_free(time: float, spans: list[Span]) -> bool:
    return all(time < span[0] - 0.35 or time > span[1] + 0.35 for span in spans)


def write_order(view: View, rng: Random, acts: list[tuple[Span, str]]) -> Draft | None:
    """Ask in which order two things are done."""
    sole = _sole(acts)
    choices = [
        (first[1], second[1])
        for place, first in enumerate(sole)
        for second in sole[place + 1 :]
        if second[0][0] >= first[0][1] - 0.05
    ]
    if not choices:
        return None
    first, second = pick(rng, choices)
    asked, told = ask_voice(view, rng), answer_voice(view, rng)
    listed = [_verbs(name, asked, rng)["ing"] for name in (first, second)]
    rng.shuffle(listed)
    question = pick(rng, frames("timed.order", asked, view.media))
    question = question.format(options=join_words(listed))
    answer = reply(view, rng, frames("timed.order_answer", told, view.media)).format(
        a=_verbs(first, told, rng)["verbs"], b=_verbs(second, told, rng)["verbs"]
    )
    return Draft("timed", REASONING, ((sentence(question), sentence(answer)),))


def write_doing(view: View, rng: Random, acts: list[tuple[Span, str]]) -> Draft | None:
    """Ask for all that is done, in its order."""
    seen: dict[str, Span] = {}
    for span, name in acts:
        seen.setdefault(name, span)
    told = answer_voice(view, rng)
    pronoun = {True: "he", False: "she", None: "they"}[view.male]
    leads = ("", "Then ", "After that ", "Later ", "Finally ")
    parts = []
    for place, (name, span) in enumerate(list(seen.items())[: len(leads)]):
        subject = VOICES[told if not place else pronoun].s
        verb = _verbs(name, told if not place else pronoun, rng)["verbs"]
        lead = leads[place]
        if place and span[0] < list(seen.values())[place - 1][1]:
            lead = "Meanwhile, "
        parts.append(sentence(f"{lead}{subject} {verb} {span_text(span, rng.random())}."))
    question = pick(rng, frames("actions.ask", ask_voice(view, rng), view.media))
    return Draft("timed", TIMED, ((sentence(question), " ".join(parts)),))
