"""What questions are about, and how their words tell it: codes that a language model starts from.

A small language model takes most of its training to learn what each name's words are. But which
name a question asks about is told by its bag of words: a mean of codes, weighted by how telling
each word is, names the right topic of nearly all questions about other faces. So codes and weights
of words are learned before, in a minute or two, from questions as dialogues ask them; `name_start`
lays them into the language model's embeddings and first layer.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from lineament.records.write.aspects import ask_aspect, read_aspects
from lineament.records.write.draft import Draft
from lineament.records.write.template import main_subject
from lineament.records.write.view import View
from lineament.render import sample_face
from lineament.training.chat_tiny_labels import LABELS
from lineament.training.dialogues import ask_flag, is_about_man, write_older

YEARS = range(20, 75, 5)  # that questions compare ages with
LIMIT = 8.0  # of how telling a word is, as a logit
FIRST_SEED = 700_000  # of the faces that questions are written about; nothing else draws these
FLAGS_A_FACE, AGES_A_FACE, ASPECTS_A_FACE = 14, 2, 3
DENIED_SHARE, NEUTRAL_SHARE = 0.4, 0.6
BATCH, SCORE_SCALE, RATE, DECAY = 256, 12.0, 0.03, 0.9985


class Asked(NamedTuple):
    """One question.

    Attributes:
        question: Its words.
        topic: What it is about, by its number in `list_topics`.
        is_denied: Whether "yes" says that it does not hold; None where it asks for no yes or no.
    """

    question: str
    topic: int
    is_denied: bool | None


class WordCodes(NamedTuple):
    """What the words of questions tell.

    Attributes:
        topics: A code of length one for each topic.
        codes: What each token stands for, at most of length one.
        weights: How telling it is: a mean over tokens takes the softmax of these, within `LIMIT`.
        denials: Whether it denies what is asked, from -1 to 1.
        denial_weights: How telling it is about that.
    """

    topics: Float[Tensor, "topics width"]
    codes: Float[Tensor, "vocab width"]
    weights: Float[Tensor, " vocab"]
    denials: Float[Tensor, " vocab"]
    denial_weights: Float[Tensor, " vocab"]


def list_topics() -> tuple[str, ...]:
    """Return flags, ``female``, ``older 45`` and ``younger 45`` by fives, ``which hair_color``."""
    flags = tuple(name for name in LABELS.names if "=" not in name)
    ages = tuple(f"{word} {years}" for word in ("older", "younger") for years in YEARS)
    return (*flags, "female", *ages, *(f"which {aspect}" for aspect in read_aspects()))


def write_questions(count: int, *, seed: int = 0) -> Iterator[Asked]:
    """Write questions about drawn faces, in all the forms in which dialogues ask them.

    Args:
        count: Of faces; each is asked some twenty questions.
        seed: Decides faces and forms.
    """
    number = {topic: place for place, topic in enumerate(list_topics())}
    rng = Random(f"topics {seed}")
    for face in range(count):
        is_picture = rng.random() < 0.4
        annotation = sample_face(FIRST_SEED + seed * 100_000 + face, is_picture=is_picture)
        subject = main_subject(annotation)
        assert subject is not None  # every drawn face is one
        view = View(annotation, subject, is_steady=True)
        states = [(name, True) for name in view.true_names()]
        states += [(name, False) for name in view.false_names()]
        rng.shuffle(states)
        for name, holds in states[:FLAGS_A_FACE]:
            topic, question, is_denied = _ask_flag(view, rng, name, holds=holds)
            yield Asked(question, number[topic], is_denied)
        for _ in range(AGES_A_FACE):
            low = rng.randrange(YEARS.start, YEARS.stop)
            aged = {**annotation.extra, "age_low": low, "age_high": low + rng.choice((0, 9))}
            older = write_older(replace(annotation, extra=aged), rng)
            if older is not None:
                topic, question, is_denied = _read_age(older, low)
                yield Asked(question, number[topic], is_denied)
        aspects = [(key, a) for key, a in read_aspects().items() if a.find(view) is not None]
        rng.shuffle(aspects)
        for key, aspect in aspects[:ASPECTS_A_FACE]:
            yield Asked(ask_aspect(view, rng, aspect)[0], number[f"which {key}"], None)


def _ask_flag(view: View, rng: Random, name: str, *, holds: bool) -> tuple[str, str, bool]:
    draft = ask_flag(
        view, rng, name, holds=holds,
        is_neutral=rng.random() < NEUTRAL_SHARE, must_deny=rng.random() < DENIED_SHARE,
    )  # fmt: skip
    (question, answer), *_ = draft.pairs
    if name == "male" and not is_about_man(question):
        name, holds = "female", not holds
    return name, question, answer.startswith("Yes") != holds


def _read_age(draft: Draft, low: int) -> tuple[str, str, bool]:
    (question, answer), *_ = draft.pairs
    found = re.search(r"\d+", question)
    assert found is not None  # every form names years
    years = int(found[0])
    asks_older = "older" in question or "over" in question
    holds = (low >= years) == asks_older
    topic = f"{'older' if asks_older else 'younger'} {years}"
    return topic, question, answer.startswith("Yes") != holds


def learn_words(
    tokenizer: Any,
    width: int,
    *,
    num_faces: int = 1500,
    num_steps: int = 1500,
    seed: int = 0,
) -> WordCodes:
    """Learn what words ask, from questions alone.

    Args:
        tokenizer: Whose tokens get codes.
        width: Of codes.
        num_faces: About which questions are written.
        num_steps: Batches of 256 questions.
        seed: Decides first codes, questions and order.
    """
    torch.manual_seed(seed)
    asked = list(write_questions(num_faces, seed=seed))
    topics = spread_codes(len(list_topics()), width)
    table = _Words(len(tokenizer), width)
    optimizer = torch.optim.Adam(table.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, DECAY)
    token_ids = [tokenizer(frame_question(a.question))["input_ids"] for a in asked]
    numbers = torch.tensor([a.topic for a in asked])
    denied = torch.tensor([-1.0 if a.is_denied is None else float(a.is_denied) for a in asked])
    shares = 1.0 / torch.bincount(numbers, minlength=len(topics)).float()[numbers]
    shares = (shares / shares.sum()).double().numpy()
    rng = np.random.default_rng([seed, 11])
    for _ in range(num_steps):
        rows = rng.choice(len(asked), BATCH, p=shares / shares.sum())
        ids, mask = pad_ids([token_ids[row] for row in rows])
        codes, denials = table(ids, mask)
        loss = functional.cross_entropy(SCORE_SCALE * codes @ topics.T, numbers[rows])
        loss = loss + 4 * (codes - topics[numbers[rows]]).square().sum(1).mean()
        known = denied[rows] >= 0
        loss = loss + functional.mse_loss(denials[known], 2 * denied[rows][known] - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return table.read(topics)


def frame_question(question: str) -> str:
    """Return a question about a picture as a model reads it, all but the picture's tokens."""
    return f"<|im_start|>user\n0.0s\n{question}<|im_end|>\n<|im_start|>assistant\n"


class _Words(nn.Module):
    """A mean over tokens of what each stands for, and one of whether each denies."""

    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__()
        self.codes = nn.Parameter(0.02 * torch.randn(vocab_size, width))
        self.weights = nn.Parameter(torch.zeros(vocab_size))
        self.denials = nn.Parameter(torch.zeros(vocab_size))
        self.denial_weights = nn.Parameter(torch.zeros(vocab_size))

    def forward(
        self, ids: Int[Tensor, "questions tokens"], mask: Bool[Tensor, "questions tokens"]
    ) -> tuple[Float[Tensor, "questions width"], Float[Tensor, " questions"]]:
        codes = shorten(self.codes)[ids]
        mixed = (_softmax(self.weights[ids], mask).unsqueeze(-1) * codes).sum(1)
        denials = _softmax(self.denial_weights[ids], mask) * self.denials[ids].tanh()
        return mixed, denials.sum(1)

    @torch.no_grad()
    def read(self, topics: Tensor) -> WordCodes:
        return WordCodes(
            topics, shorten(self.codes), limit(self.weights), self.denials.tanh(),
            limit(self.denial_weights),
        )  # fmt: skip


def shorten(codes: Float[Tensor, "vocab width"]) -> Float[Tensor, "vocab width"]:
    """Return codes that are at most of length one."""
    return codes / codes.norm(dim=-1, keepdim=True).clamp(min=1.0)


def limit(weights: Tensor) -> Tensor:
    """Return weights between plus and minus `LIMIT`."""
    return LIMIT * torch.tanh(weights / LIMIT)


def _softmax(weights: Tensor, mask: Tensor) -> Tensor:
    return limit(weights).masked_fill(~mask, float("-inf")).softmax(dim=1)


def pad_ids(
    token_ids: Sequence[Sequence[int]],
) -> tuple[Int[Tensor, "questions tokens"], Bool[Tensor, "questions tokens"]]:
    """Return questions of one length, and which of their tokens are real."""
    length = max(map(len, token_ids))
    ids = torch.zeros(len(token_ids), length, dtype=torch.long)
    mask = torch.zeros(len(token_ids), length, dtype=torch.bool)
    for row, found in enumerate(token_ids):
        ids[row, : len(found)] = torch.tensor(found)
        mask[row, : len(found)] = True
    return ids, mask


def spread_codes(count: int, width: int, num_steps: int = 300) -> Float[Tensor, "count width"]:
    """Return codes of length one that are as unlike each other as they can be made."""
    codes = torch.randn(count, width).requires_grad_()
    optimizer = torch.optim.Adam([codes], lr=0.02)
    for _ in range(num_steps):
        unit = functional.normalize(codes, dim=1)
        likeness = (unit @ unit.T - torch.eye(count)).abs()
        loss = torch.exp(20.0 * likeness).mean().log()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return functional.normalize(codes.detach(), dim=1)
