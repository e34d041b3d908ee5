"""Small examples and recipes that the training tests share."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lineament.errors import BadInput
from lineament.model.processor import VisualInput
from lineament.training.examples import Dialogue, Example
from lineament.training.recipe import Mix, Model, Recipe, Stage
from test_model_toys import NUM_POINTS, toy_config, toy_visual

QUESTIONS = (
    ("Is the person smiling?", "Yes, she is smiling.", "yes_no", 1),
    ("What colour is the hair?", "The hair is brown and long.", "color", 1),
    ("When does she blink?", "She blinks from 0.4 to 1.2 seconds.", "timed", 3),
    ("Is he wearing glasses?", "No, he is not wearing glasses at all.", "yes_no", 1),
)


def toy_example(index: int, num_dialogues: int = 2, num_frames: int | None = None) -> Example:
    rng = np.random.default_rng(index)
    chosen = [QUESTIONS[i] for i in rng.permutation(len(QUESTIONS))[:num_dialogues]]
    dialogues = tuple(
        Dialogue(
            [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
            kind,
            level,
        )
        for question, answer, kind, level in chosen
    )
    visual: VisualInput | None = toy_visual(num_frames or 1 + index % 3, seed=index)
    return Example(f"toy {index}", dialogues, visual)


@dataclass(frozen=True)
class ToySource:
    """Examples made by number; some may be bad."""

    count: int = 12
    bad: tuple[int, ...] = ()

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, epoch: int) -> Example:
        if index in self.bad:
            raise BadInput(f"toy {index} is broken")
        return toy_example(index + 100 * (epoch % 2))


def open_toy(mix: Mix) -> ToySource:
    return ToySource(**{"count": 12, **{k: _tuple(v) for k, v in mix.options.items()}})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


TOY_SOURCES = {"toy": open_toy}


def toy_stage(name: str = "all", **changes: Any) -> Stage:
    settings: dict[str, Any] = {
        "data": (Mix(source="toy"),),
        "learning_rates": {"*": 5e-3},
        "num_steps": 6,
        "batch_size": 4,
        "row_tokens": 160,
        "save_every": 2,
        "warmup": 0.2,
    }
    return Stage(name=name, **(settings | changes))


def toy_recipe(*stages: Stage, **changes: Any) -> Recipe:
    config = toy_config().to_dict()
    keep = ("text_config", "vision_config", "face_config", "token_grid", "landmark_dim",
            "num_landmarks", "landmark_samples", "landmark_tokens")  # fmt: skip
    settings = {name: config[name] for name in keep}
    settings["token_grid"] = list(settings["token_grid"])
    settings["text_config"] = {
        key: value for key, value in settings["text_config"].items() if key != "vocab_size"
    } | {"attention_dropout": 0.1}
    settings["landmark_tokens"] = 1
    model = Model(vocab_size=320, tokenizer_examples=8, changes=settings)
    return Recipe(
        **(
            {"name": "toy", "model": model, "stages": stages or (toy_stage(),), "log_every": 2}
            | changes
        )
    )


def test_toy_examples_differ_between_epochs_and_repeat_within_one():
    source = ToySource()
    assert source.read(1, 0).id == source.read(1, 0).id
    assert source.read(1, 0).id != source.read(1, 1).id


def test_toy_source_can_hold_bad_examples():
    with pytest.raises(BadInput, match="toy 3 is broken"):
        ToySource(bad=(3,)).read(3, 0)


def test_toy_points_fit_the_toy_model():
    visual = toy_example(0).visual
    assert visual is not None
    assert visual.landmarks is not None
    assert visual.landmarks.shape[-2] == NUM_POINTS
