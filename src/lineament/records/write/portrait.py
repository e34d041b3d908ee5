"""Questions on apparent sex, apparent age, expression, and the cues that show it."""

from collections.abc import Iterator, Mapping
from random import Random

from lineament.records.record import ONE_FACT, REASONING, TIMED
from lineament.records.write.clauses import find_clauses, read_word_table
from lineament.records.write.draft import Draft, answer_voice, ask_voice, frames, pick, reply
from lineament.records.write.grammar import VOICES, sentence, span_text, with_article
from lineament.records.write.view import View

EMOTIONS = ("happy", "neutral", "anger", "contempt", "disgust", "fear", "sadness", "surprise")
BANDS = ("young", "middle_aged", "elderly")
# What is plainly seen of an expression; the emotion of a face is never more than how it looks.
CUES: Mapping[str, tuple[str, ...]] = {
    "happy": ("smile", "laugh"),
    "anger": ("frown", "glare", "shout"),
    "sadness": ("weep", "cry", "frown"),
    "surprise": ("raise_eyebrows", "open_mouth"),
    "fear": ("raise_eyebrows", "open_mouth"),
    "disgust": ("sneer", "make_a_face", "squint"),
    "contempt": ("sneer",),
    "elderly": ("wrinkles", "gray_hair", "bald"),
}


def write_sex(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask whether the person looks like a man or a woman."""
    if view.male is None or not count or not view.is_alone:
        return
    asked = pick(rng, frames("sex.ask", "the person", view.media))
    noun, male = ("man", "male") if view.male else ("woman", "female")
    answer = reply(view, rng, frames("sex.answer", "the person", view.media))
    yield Draft("sex", ONE_FACT, ((asked, sentence(answer.format(a_noun=f"a {noun}", male=male))),))


def write_age(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask for the apparent age: years where they are known, else the age band."""
    told = answer_voice(view, rng)
    years = view.values.get("age_years")
    bands = [name for name in BANDS if view.values.get(name) is True]
    if not count or (years is None and not bands):
        return
    if isinstance(years, int | float) and not isinstance(years, bool):
        if (view.is_steady or rng.random() < 0.5) and 20 <= years < 100:
            decade = _DECADES[int(years // 10)]
            answer = reply(view, rng, frames("age.decade", told, view.media))
            answer = answer.format(decade=decade)
        else:
            answer = reply(view, rng, frames("age.about", told, view.media))
            answer = answer.format(age=round(years))
    else:
        word = pick(rng, read_word_table()[bands[0]].phrases)
        answer = reply(view, rng, frames("age.band", told, view.media)).format(x=word)
    question = pick(rng, frames("age.ask", ask_voice(view, rng), view.media))
    yield Draft("age", ONE_FACT, ((sentence(question), sentence(answer)),))


_DECADES = (
    "", "teens", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties",
    "nineties",
)  # fmt: skip


def write_emotion(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask how somebody looks, and how that changes where several emotions have times."""
    shown = [name for name in EMOTIONS if view.values.get(name) is True]
    if not shown or not count:
        return
    told = answer_voice(view, rng)
    spans = sorted((span, name) for name in shown for span in view.spans.get(name, ()))
    if len(spans) > 1:
        yield _write_change(view, rng, spans)
        return
    name = shown[0]
    word = read_word_table()[name].phrases[0]
    answer = reply(view, rng, frames("emotion.answer", told, view.media))
    answer = answer.format(x=word, an_x=with_article(word))
    level = ONE_FACT
    if spans:
        answer = f"{answer[:-1]} {span_text(spans[0][0], rng.random())}."
        level = TIMED
    question = pick(rng, frames("emotion.ask", ask_voice(view, rng), view.media))
    yield Draft("emotion", level, ((sentence(question), sentence(answer)),))


def _write_change(view: View, rng: Random, spans: list[tuple[tuple[float, float], str]]) -> Draft:
    called = VOICES[answer_voice(view, rng)]
    table = read_word_table()
    parts = []
    for number, (span, name) in enumerate(spans[:4]):
        lead = ("", "Then ", "After that ", "Finally ")[number]
        subject = called.s if not number else VOICES[_pronoun(view)].s
        parts.append(
            f"{lead}{subject} looks {table[name].phrases[0]} {span_text(span, rng.random())}."
        )
    question = pick(rng, frames("emotion.change", ask_voice(view, rng), view.media))
    answer = " ".join(sentence(part) for part in parts)
    return Draft("emotion", REASONING, ((sentence(question), answer),))


def _pronoun(view: View) -> str:
    return {True: "he", False: "she", None: "they"}[view.male]


def write_cues(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask what shows an expression; the answer names what can be seen at the same time."""
    for name in find_cued(view)[:count]:
        told = _pronoun(view)
        cue = pick(rng, find_cues(view, name))
        word = read_word_table()[name].phrases[0]
        clause = pick(rng, find_clauses(cue, told, view.media)).pos
        answer = reply(view, rng, frames("cues.answer", told, view.media))
        answer = answer.format(x=word, clause=clause)
        question = pick(rng, frames("cues.ask", ask_voice(view, rng), view.media)).format(x=word)
        yield Draft("cues", REASONING, ((sentence(question), sentence(answer)),))


def find_cued(view: View) -> list[str]:
    """Return the expressions that hold and have a visible cue."""
    return [name for name in CUES if view.values.get(name) is True and find_cues(view, name)]


def find_cues(view: View, name: str) -> list[str]:
    """Return what holds at the same time and shows an expression."""
    return [cue for cue in CUES[name] if view.values.get(cue) is True and _overlap(view, name, cue)]


def _overlap(view: View, name: str, cue: str) -> bool:
    spans, others = view.spans.get(name), view.spans.get(cue)
    if not spans or not others:
        return True
    return any(min(a[1], b[1]) - max(a[0], b[0]) > 0.1 for a in spans for b in others)


__all__ = [
    "CUES",
    "EMOTIONS",
    "find_cued",
    "find_cues",
    "write_age",
    "write_cues",
    "write_emotion",
    "write_sex",
]
