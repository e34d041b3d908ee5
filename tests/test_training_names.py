"""What questions ask about, learned from their words, and a language model that compares it."""

from collections import Counter

import numpy as np
import pytest
import torch

from lineament.errors import BadInput
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import favchat_tiny_config
from lineament.model.tokenizer import train_tokenizer
from lineament.recipes.chat_tiny import TEXT
from lineament.training.chat_tiny_labels import LABELS
from lineament.training.label_objective import label_directions
from lineament.training.name_start import NUM_LABELS, code_width, open_space, start_comparing
from lineament.training.topics import (
    WordCodes,
    frame_question,
    learn_words,
    list_topics,
    pad_ids,
    spread_codes,
    write_questions,
)
from test_model_toys import _one_thread  # noqa: F401

NUM_FACES, NUM_STEPS = 160, 260
TOLD = 0.25  # how far a label that holds shows in a token


@pytest.fixture(scope="module")
def tokenizer():
    asked = (asked.question for asked in write_questions(NUM_FACES, seed=3))
    return train_tokenizer((frame_question(question) for question in asked), 1500)


@pytest.fixture(scope="module")
def words(tokenizer) -> WordCodes:
    torch.set_num_threads(1)
    return learn_words(tokenizer, code_width(256), num_faces=NUM_FACES, num_steps=NUM_STEPS)


@pytest.fixture(scope="module")
def model(tokenizer, words) -> FaVChatForConditionalGeneration:
    return new_model(tokenizer, words)


def new_model(tokenizer, words, **changes) -> FaVChatForConditionalGeneration:
    text = favchat_tiny_config().text_config.to_dict()
    text.pop("layer_types")  # follows from the number of layers
    text = text | TEXT | {"vocab_size": len(tokenizer)} | changes
    torch.manual_seed(1)
    model = FaVChatForConditionalGeneration(favchat_tiny_config(text_config=text)).eval()
    start_comparing(model, tokenizer, words=words)
    return model


def answer_yes(model, tokenizer, question: str, tokens: torch.Tensor) -> float:
    """Return how far the second layer says yes of a picture's tokens."""
    decoder = model.language_model.model
    text = frame_question(question).split("0.0s")
    embed = decoder.embed_tokens
    before, behind = (
        embed(torch.tensor(tokenizer(part)["input_ids"])) for part in (text[0] + "0.0s", text[1])
    )
    with torch.no_grad():
        out = decoder(
            inputs_embeds=torch.cat([before, tokens, behind])[None], output_hidden_states=True
        )
    return float(out.hidden_states[2][0, -1] @ open_space(256).yes)


def test_questions_name_their_topic_and_whether_they_deny() -> None:
    topics = list_topics()
    assert len(set(topics)) == len(topics)
    asked = list(write_questions(60))
    assert asked == list(write_questions(60))
    assert asked != list(write_questions(60, seed=1))
    for question, topic, is_denied in asked:
        name = topics[topic]
        if name == "wearing_hat":
            assert any(word in question for word in ("hat", "headwear", "cap"))
        if name.startswith(("older", "younger")):
            assert name.split()[1] in question
        if is_denied:
            spoken = question.lower().split()
            assert "not" in spoken or "no" in spoken or "'" in question
        assert (is_denied is None) == name.startswith("which")
    denied = Counter(a.is_denied for a in asked)
    assert 0.3 < denied[True] / (denied[True] + denied[False]) < 0.7
    kinds = {topics[a.topic].split()[0] for a in asked}
    assert {"male", "female", "older", "younger", "which", "smile"} <= kinds


def test_words_tell_topics_of_questions_about_other_faces(tokenizer, words) -> None:
    unseen = list(write_questions(30, seed=9))
    ids, mask = pad_ids([tokenizer(frame_question(a.question))["input_ids"] for a in unseen])
    shares = words.weights[ids].masked_fill(~mask, float("-inf")).softmax(1)
    found = ((shares.unsqueeze(-1) * words.codes[ids]).sum(1) @ words.topics.T).argmax(1)
    right = (found == torch.tensor([a.topic for a in unseen])).float().mean()
    assert right > 0.75
    shares = words.denial_weights[ids].masked_fill(~mask, float("-inf")).softmax(1)
    denied = (shares * words.denials[ids]).sum(1) > 0
    known = [(bool(d), a.is_denied) for d, a in zip(denied, unseen, strict=True)]
    known = [(said, truth) for said, truth in known if truth is not None]
    assert np.mean([said == truth for said, truth in known]) > 0.95
    assert words.codes.norm(dim=1).max() < 1 + 1e-5


def test_codes_are_spread() -> None:
    torch.manual_seed(0)
    codes = spread_codes(100, 32)
    likeness = (codes @ codes.T - torch.eye(100)).abs().max()
    drawn = torch.nn.functional.normalize(torch.randn(100, 32), dim=1)
    assert likeness < 0.35 < (drawn @ drawn.T - torch.eye(100)).abs().max()


def test_directions_are_those_of_the_labels_and_stand_at_right_angles() -> None:
    space = open_space(256)
    assert torch.equal(space.labels, label_directions(NUM_LABELS, 256))
    rows = torch.cat([space.labels, space.codes, torch.stack([*space[2:]])])
    assert torch.allclose(rows @ rows.T, torch.eye(len(rows)), atol=1e-5)


def ask_all(model, tokenizer, count: int = 25, *, size: float = 1.0) -> float:
    """Return how often questions about pictures with random labels are answered rightly."""
    space, topics = open_space(256), list_topics()
    generator = torch.Generator().manual_seed(4)
    hits = []
    for asked in write_questions(count, seed=5):
        name = topics[asked.topic]
        if name not in LABELS.names:
            continue
        states = torch.randint(2, (NUM_LABELS,), generator=generator) * 2.0 - 1
        noise = 0.1 * torch.randn(7, 256, generator=generator)
        tokens = size * (TOLD * (states @ space.labels) + noise)
        holds = states[LABELS.names.index(name)] > 0
        said = answer_yes(model, tokenizer, asked.question, tokens) > 0
        hits.append(said == (bool(holds) != asked.is_denied))
    assert len(hits) > 10 * count
    return float(np.mean(hits))


def test_an_untrained_model_answers_what_its_tokens_show(model, tokenizer) -> None:
    assert ask_all(model, tokenizer) > 0.85
    assert ask_all(model, tokenizer, 12, size=5.0) > 0.8  # however long the tokens are


def test_without_words_it_cannot(tokenizer, words) -> None:
    empty = words._replace(codes=torch.zeros_like(words.codes))
    assert ask_all(new_model(tokenizer, empty), tokenizer, 12) < 0.65


def test_which_color_lets_the_asked_labels_through(model, tokenizer) -> None:
    space = open_space(256)
    blue, green = (LABELS.names.index(name) for name in ("clothes_color=blue", "eye_color=green"))
    states = -torch.ones(NUM_LABELS)
    states[[blue, green]] = 1.0
    decoder = model.language_model.model
    shown = {}
    for part in ("clothes", "eyes"):
        text = frame_question(f"What colour are the person's {part}?").split("0.0s")
        embed = decoder.embed_tokens
        ids = [torch.tensor(tokenizer(t)["input_ids"]) for t in (text[0] + "0.0s", text[1])]
        tokens = TOLD * (states @ space.labels).expand(7, -1)
        embeds = torch.cat([embed(ids[0]), tokens, embed(ids[1])])[None]
        with torch.no_grad():
            out = decoder(inputs_embeds=embeds, output_hidden_states=True)
        shown[part] = out.hidden_states[1][0, -1] @ space.labels.T
    assert shown["clothes"][blue] > shown["eyes"][blue] + 0.25
    assert shown["eyes"][green] > shown["clothes"][green] + 0.25


@pytest.mark.parametrize(
    "changes",
    [
        {"tie_word_embeddings": True},
        {"attention_bias": False},
        {"num_attention_heads": 4, "num_key_value_heads": 4},
        {"hidden_size": 192},
        {"num_hidden_layers": 1},
        {"intermediate_size": 64},
    ],
)
def test_another_language_model_is_refused(tokenizer, words, changes) -> None:
    with pytest.raises(BadInput):
        new_model(tokenizer, words, **changes)


def test_the_start_is_a_function_of_the_seed(tokenizer, words) -> None:
    first, second = (new_model(tokenizer, words) for _ in range(2))
    for name, weight in first.language_model.state_dict().items():
        assert torch.equal(weight, second.language_model.state_dict()[name]), name
