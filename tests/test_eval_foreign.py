"""A vision-language model of transformers as answerer: its own template, batches, every task."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.cli.app import run
from lineament.errors import BadInput, BadModel
from lineament.evaluation.answerer import Asked, Blindfold, Failure
from lineament.evaluation.foreign_open import (
    LikelihoodAnswerer,
    is_foreign,
    open_foreign,
    read_weighed,
    write_weighed,
)
from lineament.evaluation.item import Visual
from lineament.evaluation.run import run_task
from lineament.evaluation.tasks.table import TASKS, require_task
from lineament.evaluation.tasks.task import Options
from scene_fixtures import MAKERS

torch = pytest.importorskip("torch")

TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {% for p in m['content'] %}"
    "{% if p['type'] == 'image' %}<image>{% else %}{{ p['text'] }}{% endif %}{% endfor %}"
    "{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
WORDS = ["Is the person in the clip smiling? Yes, No, yes no user assistant frames seconds"] * 3


def save_vlm(folder: Path, seed: int = 0, template: str | None = TEMPLATE) -> Path:
    """Write a LLaVA with random weights, and a processor that needs neither net nor torchvision."""
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        Qwen3Config,
    )

    from lineament.model.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(WORDS, 320)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.chat_template = None  # the processor's own is used
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    processor = LlavaProcessor(
        pictures, tokenizer, patch_size=8, vision_feature_select_strategy="default",
        chat_template=template, num_additional_image_tokens=1,
    )  # fmt: skip
    vision = CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        image_size=16, patch_size=8,
    )  # fmt: skip
    text = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision, text_config=text, vision_feature_layer=-2,
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        )
    )  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)  # so that pictures and words make a difference
    # What a real checkpoint brings: sampling, which must not come through.
    model.generation_config.update(do_sample=True, temperature=0.7, top_p=0.8, top_k=20)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vlm_folder(tmp_path_factory) -> Path:
    return save_vlm(tmp_path_factory.mktemp("vlm") / "tiny-llava")


@pytest.fixture(scope="session")
def vlm(vlm_folder):
    from lineament.evaluation.foreign import ForeignAnswerer, load_foreign

    loaded = load_foreign(str(vlm_folder), device="cpu")
    return ForeignAnswerer(
        loaded.model, loaded.processor, name="tiny-llava", identity=loaded.identity,
        max_new_tokens=6, long_tokens=9,
    )  # fmt: skip


@pytest.fixture(scope="session")
def asked() -> list[Asked]:
    rng = np.random.default_rng(0)
    picture = Visual(rng.integers(0, 255, (1, 40, 30, 3), np.uint8))
    other = Visual(rng.integers(0, 255, (1, 20, 50, 3), np.uint8))
    clip = Visual(rng.integers(0, 255, (9, 40, 40, 3), np.uint8), tuple(n / 4 for n in range(9)))
    return [
        Asked("a", "Is the person smiling?", visual=picture),
        Asked("b", "Is the person in this clip smiling, and when?", visual=clip),
        Asked("c", "Yes?", visual=picture),
        Asked("d", "Which?", ("cat", "dog"), visual=other),
    ]


def prepare_by_hand(vlm_folder: Path, asked: Asked):
    """Prepare one question with transformers alone, unpadded."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(vlm_folder)
    model = AutoModelForImageTextToText.from_pretrained(vlm_folder, dtype=torch.float32).eval()
    assert asked.visual is not None
    image = Image.fromarray(asked.visual.frames[0])
    text = f"user: <image>{asked.prompt}\nassistant: "
    return model, processor, processor(text=[text], images=[image], return_tensors="pt")


def test_answers_equal_transformers_own_greedy_ones(vlm_folder, vlm, asked):
    for one in (asked[0], asked[3]):
        model, processor, inputs = prepare_by_hand(vlm_folder, one)
        with torch.no_grad():
            for _ in range(6):  # greedy decoding written out
                logits = model(**inputs).logits[0, -1]
                token = logits.argmax().reshape(1, 1)
                if token.item() == processor.tokenizer.eos_token_id:
                    break
                ids = torch.cat([inputs["input_ids"], token], dim=1)
                inputs = {**inputs, "input_ids": ids, "attention_mask": torch.ones_like(ids)}
        start = inputs["input_ids"].shape[1]
        made = inputs["input_ids"][0, start - 6 :]
        expected = processor.tokenizer.decode(made, skip_special_tokens=True).strip()
        assert vlm.answer([one]) == [expected]


def test_a_batch_is_answered_as_one_by_one_and_pictures_matter(vlm, asked):
    together = vlm.answer(asked)
    assert together == [vlm.answer([one])[0] for one in asked]
    grey = Blindfold(vlm).answer(asked)
    assert grey != together
    assert Blindfold(vlm).identity != vlm.identity


def test_yes_and_no_get_the_log_probabilities_of_the_next_token(vlm_folder, vlm, asked):
    together = vlm.yes_no(asked)
    alone = [vlm.yes_no([one])[0] for one in asked]
    for one, other in zip(together, alone, strict=True):
        assert one.log_yes == pytest.approx(other.log_yes, abs=1e-4)
        assert one.log_no == pytest.approx(other.log_no, abs=1e-4)
    model, processor, inputs = prepare_by_hand(vlm_folder, asked[0])
    with torch.no_grad():
        probabilities = model(**inputs).logits[0, -1].double().softmax(-1)
    for words, value in ((("Yes", "yes", "YES"), alone[0].log_yes), (("No", "no", "NO"), None)):
        ids = {
            processor.tokenizer(f"{space}{word}", add_special_tokens=False)["input_ids"][0]
            for word in words
            for space in ("", " ")
        }
        ids -= {processor.tokenizer(" ", add_special_tokens=False)["input_ids"][0]}
        expected = math.log(float(probabilities[sorted(ids)].sum()))
        found = alone[0].log_no if value is None else value
        assert found == pytest.approx(expected, abs=1e-5)
    share = alone[0].share_yes
    assert share == pytest.approx(
        math.exp(alone[0].log_yes) / (math.exp(alone[0].log_yes) + math.exp(alone[0].log_no))
    )


def test_a_clip_goes_in_as_frames_with_their_times_told(asked):
    from lineament.evaluation.foreign import write_message

    content = write_message(asked[1], 4)["content"]
    assert [part["type"] for part in content] == ["image"] * 4 + ["text"] * 2
    assert "0.00, 0.75, 1.25, 2.00 seconds" in content[4]["text"]
    shown = [np.asarray(part["image"]) for part in content[:4]]
    assert (shown[-1] == asked[1].visual.frames[-1]).all()
    single = write_message(asked[0], 4)["content"]
    assert [part["type"] for part in single] == ["image", "text"]


def test_a_model_is_known_by_its_weights(tmp_path, vlm_folder, vlm):
    from lineament.evaluation.foreign import hash_folder

    other = save_vlm(tmp_path / "other", seed=1)
    assert hash_folder(other) != hash_folder(vlm_folder)
    assert hash_folder(vlm_folder) in vlm.identity


def test_what_is_no_such_model_is_one_clear_error(tmp_path):
    from lineament.evaluation.foreign import load_foreign

    with pytest.raises(BadModel, match="neither a model folder nor a hub name"):
        load_foreign("nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadModel, match="cannot be loaded"):
        load_foreign(str(tmp_path / "empty"))
    dumb = save_vlm(tmp_path / "dumb", template=None)
    with pytest.raises(BadModel, match="no chat template"):
        load_foreign(str(dumb))
    assert is_foreign("hf:a/b")
    assert not is_foreign("chat-tiny")
    assert not is_foreign("hf")
    with pytest.raises(BadInput, match="names no model"):
        open_foreign("hf:")
    with pytest.raises(BadInput, match="--without"):
        open_foreign("hf:a/b", without=["face"])


def test_likelihoods_are_written_into_answers_and_read_back():
    from lineament.evaluation.foreign import YesNo

    class Double:
        name = identity = "double"

        def yes_no(self, batch):
            return [YesNo(math.log(0.25), math.log(0.5)), Failure("gone")][: len(batch)]

    answers = LikelihoodAnswerer(Double()).answer([Asked("a", "?"), Asked("b", "?")])
    assert answers[1] == Failure("gone")
    assert read_weighed(answers[0]) == ("No.", pytest.approx(0.25))
    assert read_weighed("Yes, she is.") == ("Yes, she is.", None)
    tiny = write_weighed(YesNo(-40.0, -50.0))
    assert read_weighed(tiny)[1] == pytest.approx(math.exp(-40))


def test_every_task_is_run_below():
    assert set(MAKERS) == set(TASKS)


class Few:
    """A task of which only so many questions are asked."""

    def __init__(self, task, count: int = 16) -> None:
        self.task, self.count = task, count

    def __getattr__(self, name):
        return getattr(self.task, name)

    def read_items(self, folder, options):
        found = self.task.read_items(folder, options)
        return replace(found, items=found.items[: self.count])


@pytest.mark.parametrize("name", MAKERS)
def test_a_public_architecture_runs_every_task_end_to_end(name, tmp_path, vlm):
    make = MAKERS[name]
    if make is None:
        pytest.importorskip("skia")
    folder = tmp_path if make is None else make(tmp_path / "data")
    task = Few(require_task(name))
    options = Options(count=12)
    out = tmp_path / "out"
    result, found, answered = run_task(task, vlm, folder, options=options, out=out)
    assert answered.failures == {}
    assert set(answered.answers) == {item.id for item in found.items}
    row = result.to_dict()
    assert json.loads(json.dumps(row))["metrics"][task.headline]
    assert row["identity"] == vlm.identity
    again, _, kept = run_task(task, vlm, folder, options=options, out=out)
    assert kept.num_cached == len(found.items)
    assert again.to_dict()["metrics"] == row["metrics"]


def test_the_command_line_opens_it_by_folder(tmp_path, vlm_folder, capsys):
    from test_eval_drawings import make_drawings

    data = str(make_drawings(tmp_path / "data"))
    command = ["eval", "drawings", "--data", data, "--limit", "2", "--json"]
    assert run([*command, "--model", f"hf:{vlm_folder}", "--blind"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["model"] == "tiny-llava"
    assert row["blind"]["model"] == "tiny-llava, blind"
    assert "vqa_score" not in row["metrics"]
    assert run([*command, "--model", f"vqa:{vlm_folder}"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert 0 <= row["metrics"]["vqa_score"]["value"] <= 1
    assert run([*command, "--model", "hf:nowhere"]) == 2
    assert "neither a model folder" in capsys.readouterr().err
