"""Questions on what somebody does, with or without times."""

from collections.abc import Iterator
from random import Random

from lineament.records.record import ONE_FACT, SEVERAL_FACTS
from lineament.records.write.clauses import names_said, read_word_table
from lineament.records.write.draft import Draft, answer_voice, ask_voice, frames, pick, reply
from lineament.records.write.grammar import VOICES, gerund, join_words, sentence, third_person
from lineament.records.write.view import View

MAX_NAMED = 4


def write_action(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask what somebody does; the answer names all of it, in the order of time where known."""
    if not count:
        return
    names = find_acts(view)[:MAX_NAMED]
    if not names:
        return
    told = VOICES[answer_voice(view, rng)]
    bases = [told.fill(pick(rng, read_word_table()[name].phrases)) for name in names]
    slots = {
        "v": join_words([third_person(base) for base in bases]),
        "g": join_words([gerund(base) for base in bases]),
    }
    for _ in range(count):
        voice = answer_voice(view, rng)
        frame = reply(view, rng, frames("actions.answer", voice, view.media))
        question = pick(rng, frames("actions.ask", ask_voice(view, rng), view.media))
        level = ONE_FACT if len(names) == 1 else SEVERAL_FACTS
        yield Draft("action", level, ((sentence(question), sentence(frame.format(**slots))),))


def find_acts(view: View) -> list[str]:
    """Return what is done, timed acts by their first time and the others after them."""
    names = [name for name in view.true_names() if name in names_said("do")]
    return sorted(names, key=lambda name: view.spans.get(name, [(float("inf"), 0.0)])[0])
