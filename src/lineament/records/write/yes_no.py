"""Yes/no questions in both polarities, balanced between yes and no and by name."""

from collections.abc import Iterator, Sequence
from random import Random

from lineament.records.record import ONE_FACT
from lineament.records.write.clauses import find_clauses, read_word_table
from lineament.records.write.draft import Draft, answer_voice, ask_voice, frames, pick
from lineament.records.write.grammar import sentence
from lineament.records.write.view import View

NEGATIVE_SHARE = 0.35
OPEN_SHARE = 0.4  # among negative questions: "isn't she ...?", where yes means that she is


def write_yes_no(view: View, rng: Random, count: int) -> Iterator[Draft]:
    """Ask about as many true as false names; the question's polarity is drawn on its own.

    A true name is drawn by how rarely it is true, a false one by how often, so that over many
    pictures no name tells the answer.
    """
    num_true = (count + int(rng.random() < 0.5)) // 2
    rates = read_word_table()
    true_names = view.true_names()
    false_names = view.false_names()
    chosen = draw_names(rng, true_names, [1.0 - rates[n].rate for n in true_names], num_true)
    missing = draw_names(
        rng, false_names, [rates[n].rate for n in false_names], count - len(chosen)
    )
    pairs = [(name, True) for name in chosen] + [(name, False) for name in missing]
    rng.shuffle(pairs)
    for name, holds in pairs:
        yield ask_yes_no(view, rng, name, holds=holds)


def ask_yes_no(view: View, rng: Random, name: str, *, holds: bool) -> Draft:
    """Write one yes/no question about a name that is known to hold, or not to."""
    media = view.media
    asked = ask_voice(view, rng)
    told = answer_voice(view, rng)
    question = pick(rng, find_clauses(name, asked, media))
    answer = pick(rng, find_clauses(name, told, media))
    place = rng.random()
    if place >= NEGATIVE_SHARE:
        form, reply, polarity = "positive", "yes" if holds else "no", "positive"
        is_yes = holds
    elif place < NEGATIVE_SHARE * OPEN_SHARE:
        form, reply, polarity = "negative_open", "yes_open" if holds else "no_open", "negative"
        is_yes = holds
    else:
        form, reply, polarity = "negative", "deny_not" if holds else "confirm_not", "negative"
        is_yes = not holds
    frame = pick(rng, frames(f"yes_no.{form}", asked, media))
    text = frame.format(
        pos=question.pos, neg=question.neg, ask=question.ask, ask_nt=question.ask_nt
    )
    replies = frames(f"yes_no.{reply}", told, media)
    # A bare yes or no stands only after a plain question.
    said = pick(rng, replies if frame == "{ask}?" else replies[1:])
    said = said.format(pos=answer.pos, neg=answer.neg)
    return Draft(
        "yes_no", ONE_FACT, ((sentence(text), sentence(said)),),
        f"{polarity} {'yes' if is_yes else 'no'}",
    )  # fmt: skip


def draw_names(
    rng: Random, names: Sequence[str], weights: Sequence[float], count: int
) -> list[str]:
    """Draw different names by weight."""
    if count <= 0 or not names:
        return []
    if count >= len(names):
        return list(names)
    keys = [rng.random() ** (1.0 / weight) for weight in weights]
    order = sorted(range(len(names)), key=keys.__getitem__, reverse=True)
    return [names[index] for index in order[:count]]
