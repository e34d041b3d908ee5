"""Combinations of attributes that drawings are tested on, and that no training picture shows."""

import functools
import hashlib
import itertools
from random import Random

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.render import sample_face
from lineament.render.plan import list_hidden
from lineament.training.labels import read_states
from lineament.vocabulary import read_vocabulary

# Chosen among what is easily seen and often enough drawn. Sex, age, skin and smiles are not: never
# to show one of them with a colour of hair would teach a prejudice, or leave few real pictures.
PAIRED = (
    "black_hair", "blonde_hair", "red_hair", "gray_hair", "curly_hair", "long_hair", "bangs",
    "eyeglasses", "sunglasses", "beard", "mustache", "wearing_hat", "wearing_earrings",
    "wearing_necklace", "wearing_lipstick", "freckle", "rosy_cheeks", "wrinkles", "big_nose",
    "wearing_headphones",
)  # fmt: skip
# What half of the drawn faces have one of, each as often.
RARE = (*PAIRED, "smile", "surprise", "bald", "goatee", "open_mouth", "wearing_mask")
NUM_PAIRS = 10
FIRST_UNSEEN_SEED = 7_000_000  # of faces that only ever are asked for
_MAX_TRIES = 200

Pair = tuple[str, str]


@functools.cache
def held_out_pairs() -> frozenset[Pair]:
    """Return the pairs of names that are never both true in training.

    Those whose hash is lowest among all that can be seen together and are not two colours of
    hair or skin; nobody chose them.
    """
    vocabulary = read_vocabulary()
    pairs = [
        pair
        for pair in itertools.combinations(sorted(PAIRED), 2)
        if pair[1] not in vocabulary.excluded_by(pair[0])
        and not _is_one_part(*pair)
        and not _is_hidden(*pair)
    ]
    return frozenset(sorted(pairs, key=_hash_pair)[:NUM_PAIRS])


def shows_held_out(annotation: Annotation) -> bool:
    """Say whether an annotation states both names of a held-out pair."""
    states = read_states(annotation)
    return any(states.get(one) and states.get(other) for one, other in held_out_pairs())


def sample_seen(seed: int, *, rare_share: float = 0.5) -> Annotation | None:
    """Sample a picture for training; None where it would show a held-out pair.

    Args:
        seed: Decides everything; draw the picture with the same one.
        rare_share: How often one of `RARE`, each as likely, is required.
    """
    rng = Random(f"seen {seed}")
    require = {rng.choice(RARE): True} if rng.random() < rare_share else {}
    annotation = sample_face(seed, require=require, is_picture=True)
    return None if shows_held_out(annotation) else annotation


def sample_unseen(number: int) -> tuple[Annotation, Pair]:
    """Sample a picture that shows a held-out pair, each pair in its turn.

    Raises:
        BadInput: The pair cannot be drawn together.
    """
    pairs = sorted(held_out_pairs())
    pair = pairs[number % len(pairs)]
    for attempt in range(_MAX_TRIES):
        seed = FIRST_UNSEEN_SEED + number * _MAX_TRIES + attempt
        annotation = sample_face(seed, require=dict.fromkeys(pair, True), is_picture=True)
        states = read_states(annotation)
        if states.get(pair[0]) and states.get(pair[1]):
            return annotation, pair
    raise BadInput(f"{pair[0]} and {pair[1]}: cannot be drawn together")


def _hash_pair(pair: Pair) -> bytes:
    return hashlib.blake2b(" ".join(pair).encode(), digest_size=8).digest()


def _is_one_part(one: str, other: str) -> bool:
    """Say whether both are said of one part, such as two colours of hair."""
    ends = ("_hair", "_skin")
    return any(one.endswith(end) and other.endswith(end) for end in ends)


def _is_hidden(one: str, other: str) -> bool:
    """Say whether one cannot be seen under the other, such as a fringe under a hat."""
    return other in list_hidden({one: True}) or one in list_hidden({other: True})
