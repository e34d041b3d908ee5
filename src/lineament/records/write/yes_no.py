"""Yes/no questions in both polarities, balanced between yes and no and by name."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from lineament.records.record import ONE_FACT
from lineament.records.write.clauses import Clause, find_clauses, read_word_table
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
    true_powers, false_powers = read_powers()
    true_names, false_names = view.true_names(), view.false_names()
    extra = int(rng.random() < 0.5)
    num_true = min((count + extra) // 2, len(true_names))
    num_false = min((count + 1 - extra) // 2, len(false_names))
    # Where one sort is short, the other is cut to it, or yes would tell the data set.
    num_true, num_false = min(num_true, num_false + extra), min(num_false, num_true + 1 - extra)
    chosen = draw_names(rng, true_names, true_powers, num_true)
    missing = draw_names(rng, false_names, false_powers, num_false)
    pairs: list[tuple[str, bool, bool | None]] = [(name, True, None) for name in chosen]
    pairs += [(name, False, None) for name in missing]
    # Rows that tell little of one sort get their number of questions all the same; every other
    # one is put so that the scarcer answer is right: "is it true that she has no beard?" - "yes".
    for names, used, holds in ((false_names, missing, False), (true_names, chosen, True)):
        left = [name for name in names if name not in used]
        more = rng.sample(left, min(len(left), max(count - len(pairs), 0)))
        pairs += [(name, holds, holds is bool(n % 2)) for n, name in enumerate(more)]
    rng.shuffle(pairs)
    for name, holds, is_yes in pairs:
        yield ask_yes_no(view, rng, name, holds=holds, is_yes=is_yes)


@functools.cache
def read_powers() -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Return one over the weight of each name, where it is true and where it is false."""
    rates = {name: word.rate for name, word in read_word_table().items()}
    if_true = {name: 1.0 / (1.0 - rate) for name, rate in rates.items()}
    return if_true, {name: 1.0 / rate for name, rate in rates.items()}


def ask_yes_no(
    view: View, rng: Random, name: str, *, holds: bool, is_yes: bool | None = None
) -> Draft:
    """Write one yes/no question about a name that is known to hold, or not to.

    Args:
        view: Whom it is about.
        rng: Chooses the words.
        name: A flag with words.
        holds: Whether it is true.
        is_yes: The answer that the question is to be put for; either if left out.
    """
    media = view.media
    if name == "male" and rng.random() < 0.5:
        name, holds = "female", not holds
    asked = ask_voice(view, rng)
    told = answer_voice(view, rng)
    question = pick(rng, find_clauses(name, asked, media))
    answer = pick(rng, find_clauses(name, told, media))
    place = rng.random()
    if is_yes is not None:
        place = 1.0 if is_yes is holds else NEGATIVE_SHARE * OPEN_SHARE
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
    text = fill_frame(frame, question)
    replies = frames(f"yes_no.{reply}", told, media)
    if view.is_steady:
        clause = find_clauses(name, told, media)[0]
        said = f"{'Yes' if is_yes else 'No'}, {clause.pos if holds else clause.neg}."
        return Draft(
            "yes_no", ONE_FACT, ((text, sentence(said)),),
            f"{polarity} {'yes' if is_yes else 'no'}",
        )  # fmt: skip
    # A bare yes or no stands only after a plain question that tells nobody's sex.
    is_plain = frame == "{ask}?" and asked not in ("the man", "the woman")
    said = fill_frame(pick(rng, replies if is_plain else replies[1:]), answer)
    return Draft(
        "yes_no", ONE_FACT, ((text, said),),
        f"{polarity} {'yes' if is_yes else 'no'}",
    )  # fmt: skip


@functools.lru_cache(maxsize=32768)
def fill_frame(frame: str, clause: Clause) -> str:
    """Put a clause into a frame of a question or an answer; the same ones meet again and again."""
    return sentence(frame.format(**clause._asdict()))


def draw_names(
    rng: Random, names: Sequence[str], powers: Mapping[str, float], count: int
) -> list[str]:
    """Draw different names by weight (Efraimidis and Spirakis, 2006).

    Args:
        rng: Draws.
        names: To choose from.
        powers: One over the weight of each name.
        count: How many.
    """
    if count <= 0 or not names:
        return []
    if count >= len(names):
        return list(names)
    keys = [rng.random() ** powers[name] for name in names]
    order = sorted(range(len(names)), key=keys.__getitem__, reverse=True)
    return [names[index] for index in order[:count]]
