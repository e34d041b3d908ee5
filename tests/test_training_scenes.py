"""scene-tiny: what is prepared for it, its three ways to tune, and how it is measured."""

import re
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from lineament.annotation import Annotation, Fact
from lineament.cli.train import find_recipe
from lineament.errors import BadInput
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.tokenizer import train_tokenizer
from lineament.records.record import Record, Turn
from lineament.records.write.scenes.writer import SceneWriter
from lineament.render.scenes import draw_scene, sample_scene
from lineament.training import scene_preparation
from lineament.training.examples import ListsMedia, Shown
from lineament.training.recipe import Mix, Model
from lineament.training.scene_alignment import (
    PLACE_COLUMNS,
    PLACE_ROWS,
    align_adapter,
    find_directions,
    place_targets,
    say_cell_name,
    side_hundredths,
)
from lineament.training.scene_encoder import (
    SIDE_BINS,
    CellReader,
    cell_loss,
    find_bins,
    flatten_cells,
    train_scene_encoder,
)
from lineament.training.scene_examples import SceneExamples, ask_shortly
from lineament.training.scene_gallery import (
    CELL_NAMES,
    Pictured,
    Said,
    SceneGallery,
    find_boxes,
    find_cells,
    write_scene_gallery,
)
from lineament.training.scene_preparation import SETTINGS, root_mixes, take_settings
from lineament.training.scene_start import LAYERS, MARK, start_looking
from lineament.training.start import adapt_model, sized_config, start_model
from test_model_toys import _one_thread  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
NAMES = ("scene-tiny", "scene-tiny-lora", "scene-tiny-moe-lora")
TOWER = {
    "hidden_size": 32, "num_hidden_layers": 3, "depths": [1, 1, 1], "image_size": 32,
    "patch_size": 16,
}  # fmt: skip


def one_object(name: str, region: tuple[float, ...]) -> Annotation:
    facts = (Fact("object_class", name, subject="object 0", region=region),)
    return Annotation("a.png", facts=facts)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    items = []
    for seed in (3, 4):
        annotation = sample_scene(seed, theme="airport", size_px=48)
        records = tuple(SceneWriter({"scene_count": 2, "scene_dialogue": 1}).write(annotation))
        pixels = draw_scene(annotation, size_px=48, seed=seed)
        items.append(Pictured(f"scene {seed}", pixels, records, annotation))
    write_scene_gallery(folder / "scenes0", items, size_px=32, grid=2)
    turns = (Turn("user", "What is it?"), Turn("assistant", "A beach ."))
    real = Pictured("a.jpg", np.zeros((20, 30, 3), np.uint8), (Record("vqa", 1, "a.jpg", turns),))
    write_scene_gallery(folder / "real", [real], size_px=32, grid=2)
    return folder


def test_cells_hold_what_lies_in_them_however_small():
    small = find_cells(one_object("vehicle", (0.70, 0.70, 0.72, 0.72)), 3)
    assert small[CELL_NAMES.index("vehicle")].tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]
    large = find_cells(one_object("parking_lot", (0.0, 0.0, 0.67, 0.34)), 3)
    assert large[CELL_NAMES.index("parking_lot")].tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert large.sum() == 2


def test_cells_tell_the_colors_of_things_where_they_lie():
    facts = (
        *one_object("ship", (0.0, 0.0, 0.3, 0.3)).facts,
        Fact("object_color", "red", subject="object 0"),
    )
    cells = find_cells(Annotation("a.png", facts=facts), 2)
    assert cells[CELL_NAMES.index("red")].tolist() == [[1, 0], [0, 0]]
    assert not cells[CELL_NAMES.index("blue")].any()


def test_sides_are_told_by_where_in_the_picture_they_lie():
    boxes = find_boxes(one_object("ship", (0.1, 0.5, 0.3, 0.95)), 4)
    bins = find_bins(flatten_cells(boxes[None]), 4)
    (cell,) = np.flatnonzero(boxes[..., 0])
    expected = [int(side * SIDE_BINS) for side in (0.1, 0.5, 0.3, 0.95)]
    assert np.abs(np.array(bins[0, cell].tolist()) - expected).max() <= 1  # rounding at an edge


def test_alignment_moves_the_adapter_alone_until_tokens_are_near_their_words(root):
    texts = [" ".join(say_cell_name(name) for name in CELL_NAMES)] * 3
    settings = Model(changes={
        "fusion": "general_only", "use_face": False, "use_landmarks": False,
        "landmark_tokens": 0, "token_grid": [2, 2], "grid_positions": True,
        "vision_config": {"model_type": "lineament_conv_vision", **TOWER},
        "text_config": {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1},
    }, tokenizer=save_tokenizer(texts, root))  # fmt: skip
    gallery = SceneGallery(root / "scenes0")
    losses = []
    for steps in (1, 10, 60):  # ten were a division by nothing in the schedule
        model, processor = start_model(settings, (), seed=0)
        before = {name: weight.clone() for name, weight in model.state_dict().items()}
        losses.append(align_adapter(model, processor.tokenizer, [gallery], num_steps=steps))
        changed = {n for n, weight in model.state_dict().items() if not weight.equal(before[n])}
        assert changed
        assert all(name.startswith("media.adapter.") for name in changed)
    assert losses[2] < 0.6 * losses[0]


def test_places_and_sides_are_told_apart_as_answers_tell_them():
    places = place_targets(6)
    told = [(PLACE_ROWS[int(row[:3].argmax())], PLACE_COLUMNS[int(row[3:].argmax())])
            for row in places]  # fmt: skip
    assert told[0] == told[7] == ("top", "left")
    assert told[2 * 6 + 3] == ("middle", "center")
    assert told[35] == ("bottom", "right")
    assert places.sum(1).tolist() == [2.0] * 36
    boxes = find_boxes(one_object("ship", (0.1, 0.5, 0.3, 0.95)), 4)
    (cell,) = np.flatnonzero(boxes[..., 0])
    sides = side_hundredths(boxes[None])[0, cell]
    assert (sides - torch.tensor([10, 50, 30, 95])).abs().max() <= 1  # rounding at an edge


LOOKING = {
    "fusion": "general_only", "use_face": False, "use_landmarks": False, "landmark_tokens": 0,
    "token_grid": [2, 2], "grid_positions": True,
    "vision_config": {"model_type": "lineament_conv_vision", **TOWER},
    "text_config": {
        "hidden_size": 256, "intermediate_size": 64, "num_hidden_layers": 4,
        "tie_word_embeddings": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    },
}  # fmt: skip


def asked_shares(model, tokenizer, name: str, directions: torch.Tensor) -> tuple[float, float]:
    """Return how much of the last word's attention a token of this name has, layers 1 and 2.

    Sixty tokens of a picture hold a name each, the one asked about among them once.
    """
    mark = model.get_input_embeddings().weight.mean(0)
    size = 8 * float(model.get_input_embeddings().weight.norm(dim=1).mean())
    names = [i for i in range(len(CELL_NAMES)) if CELL_NAMES[i] != name]
    picked = [*(names * 3)[:59], CELL_NAMES.index(name)]
    picture = size * (directions[picked] - MARK * mark / mark.norm())
    words = f"where is the {say_cell_name(name)} ? it is in the"
    ids = tokenizer(words, add_special_tokens=False, return_tensors="pt")["input_ids"]
    texts = model.get_input_embeddings()(ids)
    model.language_model.set_attn_implementation("eager")
    seen = model.language_model.get_decoder()(
        inputs_embeds=torch.cat([picture[None], texts], dim=1), output_attentions=True
    )
    first, second = (seen.attentions[layer][0, :, -1, 59].mean() for layer in (1, 2))
    return float(first), float(second)


@torch.no_grad()
def test_the_end_of_a_question_looks_at_what_it_asks_about_before_any_training(root):
    texts = [" ".join(say_cell_name(name) for name in CELL_NAMES)] * 3
    texts += [" where is the ? it is in the top-left middle-center bottom-right part"] * 3
    settings = Model(changes=LOOKING, tokenizer=save_tokenizer(texts, root))
    model, processor = start_model(settings, (), seed=0)
    tokenizer = processor.tokenizer
    directions = find_directions(model, tokenizer)
    start_looking(model, tokenizer, [SceneGallery(root / "scenes0")])
    model.eval()
    asked = ("ship", "airplane", "road", "harbor", "water", "bridge")
    shares = np.array([asked_shares(model, tokenizer, name, directions) for name in asked])
    assert shares.mean() > 0.3  # of sixty tokens, one has 0.017 by chance
    other, _ = start_model(settings, (), seed=0)
    chance = np.array([asked_shares(other, tokenizer, name, directions) for name in asked])
    assert chance.mean() < 0.1


@torch.no_grad()
def test_what_is_looked_at_is_handed_on_without_marks(root):
    settings = Model(changes=LOOKING, tokenizer=save_tokenizer(["a red ship lies there"] * 3, root))
    model, processor = start_model(settings, (), seed=0)
    before = model.get_input_embeddings().weight.clone()
    start_looking(model, processor.tokenizer, [SceneGallery(root / "scenes0")])
    layers = model.language_model.model.layers
    for layer, lookup in zip(layers, LAYERS, strict=False):
        attention = layer.self_attn
        handed_on = attention.o_proj.weight @ attention.v_proj.weight / (12 * lookup.read_out)
        values, _ = torch.linalg.eigh(handed_on)
        expected = torch.ones(256)
        expected[:2] = 0.0  # the two marks
        torch.testing.assert_close(values, expected, atol=1e-4, rtol=0)
    mark = model.get_input_embeddings().weight.mean(0)
    head = model.get_output_embeddings().weight
    torch.testing.assert_close(head.mean(0), torch.zeros(256), atol=1e-6, rtol=0)
    assert float(mark.norm()) > 10 * float(before.mean(0).norm())


def test_lookups_ask_for_a_language_model_that_fits(root):
    text = LOOKING["text_config"]
    tokenizer = save_tokenizer(["a red ship lies there"] * 3, root)
    for changes in ({"tie_word_embeddings": True}, {"num_key_value_heads": 2}):
        changed = LOOKING | {"text_config": text | changes}
        model, processor = start_model(Model(changes=changed, tokenizer=tokenizer), (), seed=0)
        with pytest.raises(BadInput, match="a head of its own"):
            start_looking(model, processor.tokenizer, [SceneGallery(root / "scenes0")])


def save_tokenizer(texts: list[str], folder: Path) -> str:
    train_tokenizer(texts, 400).save_pretrained(folder / "words")
    return str(folder / "words")


def test_boxes_of_cells_give_the_object_back():
    region = (0.1, 0.5, 0.3, 0.9)
    found = find_boxes(one_object("ship", region), 4)
    ((row, column),) = np.argwhere(found[..., 0]).tolist()
    _, x, y, width, height = found[row, column].tolist()
    middle = ((column + x) / 4, (row + y) / 4)
    back = (middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2,
            middle[1] + height / 2)  # fmt: skip
    assert back == pytest.approx(region, abs=1e-6)


def test_galleries_give_other_conversations_every_epoch_and_the_same_again(root):
    mix = Mix(source="scene-galleries", options={"root": str(root), "folders": ["scenes*"],
              "num_dialogues": 2})  # fmt: skip
    source = SceneExamples(mix)
    assert len(source) == 2
    first = [source.read(0, epoch) for epoch in range(6)]
    assert [e.dialogues for e in first] == [source.read(0, n).dialogues for n in range(6)]
    assert len({tuple(d.kind for d in e.dialogues) for e in first}) > 1
    assert first[0].visual is not None
    assert first[0].visual.frames.shape == (1, 32, 32, 3)


@pytest.mark.parametrize(
    ("kind", "answer", "bare"),
    [
        ("scene_count", "There are two vehicles.", "Two."),
        ("scene_count", "There is no ship.", "No."),
        ("scene_yes_no", "No, there is no ship.", "No."),
        ("scene_position", "The red ship is in the top-left part.", "In the top-left part."),
        ("scene_color", "The largest building is red.", "Red."),
        ("scene_kind", "The picture shows a storage-tank area.", "Storage-tank."),
        ("scene_box", "[0.100, 0.200, 0.300, 0.400]", "[0.100, 0.200, 0.300, 0.400]"),
        ("scene_box", "The red ship.", "The red ship."),
        ("scene_comparison", "The road is larger than the ship.",
         "The road is larger than the ship."),
        ("scene_global", "There are two ships. Water can be seen.",
         "There are two ships. Water can be seen."),
    ],
)  # fmt: skip
def test_a_bare_answer_is_what_the_picture_tells(kind, answer, bare, tmp_path):
    turns = (Turn("user", "What?"), Turn("assistant", answer))
    item = Pictured("scene 3", np.zeros((8, 8, 3), np.uint8), (Record(kind, 1, "a", turns),))
    write_scene_gallery(tmp_path / "scenes0", [item], size_px=8, grid=1)
    for is_bare, expected in ((True, bare), (False, answer)):
        source = SceneExamples(Mix(source="s", options={"root": str(tmp_path), "bare": is_bare}))
        (dialogue,) = source.read(0, 0).dialogues
        assert dialogue.messages[1]["content"] == expected


@pytest.mark.parametrize(
    ("kind", "answer", "short"),
    [
        ("scene_count", "There are two vehicles.", "2"),
        ("scene_count", "There are 31 vehicles.", "31"),
        ("scene_count", "There are no ships.", "0"),
        ("scene_count", "There is one ship.", "1"),
        ("scene_yes_no", "No, there is no ship.", "no"),
        ("scene_relation", "Yes, the ship is near the pier.", "yes"),
        ("scene_position", "The red ship is in the top-left part.", "top-left part"),
        ("scene_position", "The red ship is in the center.", "center"),
        ("scene_color", "The largest building is red.", "red"),
        ("scene_kind", "The picture shows a storage-tank area.", "storage-tank"),
        ("scene_kind", "Water and grass can be seen.", None),
        ("scene_position", "There is no ship.", None),
        ("scene_unanswerable", "There is no ship.", None),
        ("scene_box", "The red ship.", None),
        ("scene_comparison", "The road is larger than the ship.", None),
    ],
)
def test_a_word_is_asked_for_where_one_is_the_answer(kind, answer, short):
    said = Said(kind, 1, ("What?", answer))
    asked = ask_shortly(said, Random(0))
    assert (asked is None) == (short is None)
    if asked is not None:
        question, word = asked.texts
        assert word == short
        assert re.fullmatch(r"What\?[ \n][A-Z].*\.", question)


def test_conversations_of_several_turns_are_left_as_they_are():
    assert ask_shortly(Said("scene_count", 4, ("What?", "Two.", "And?", "Two.")), Random(0)) is None


def test_only_a_share_is_asked_for_a_word(tmp_path):
    turns = (Turn("user", "How many ships?"), Turn("assistant", "There are two ships."))
    record = Record("scene_count", 1, "a", turns)
    items = [Pictured(f"scene {n}", np.zeros((8, 8, 3), np.uint8), (record,)) for n in range(200)]
    write_scene_gallery(tmp_path / "scenes0", items, size_px=8, grid=1)

    def count_short(share: float) -> int:
        source = SceneExamples(Mix(source="s", options={"root": str(tmp_path), "short": share}))
        answers = [source.read(n, 0).dialogues[0].messages[1]["content"] for n in range(200)]
        assert set(answers) <= {"2", "There are two ships."}
        return answers.count("2")

    assert count_short(0.0) == 0
    assert 35 <= count_short(0.3) <= 85
    assert count_short(1.0) == 200


def test_a_gallery_says_which_pictures_it_shows(tmp_path):
    names = ("scene 41", "caption_images/ucm/images/7.tif", "mine/8.png")
    record = Record("vqa", 1, "a", (Turn("user", "What?"), Turn("assistant", "A ship.")))
    items = [Pictured(name, np.zeros((8, 8, 3), np.uint8), (record,)) for name in names]
    write_scene_gallery(tmp_path / "scenes0", items, size_px=8, grid=1)
    source = SceneExamples(Mix(source="s", options={"root": str(tmp_path)}))
    assert isinstance(source, ListsMedia)
    assert list(source.list_media()) == [
        Shown("rendered-scenes", sample_scene(41).media, sample_scene(41).split_key),
        Shown("ucm-captions", "7.tif"),
        Shown("", "8.png"),
    ]


def test_kinds_are_chosen_and_left_out(root):
    options = {"root": str(root), "folders": ["*"]}
    counts = SceneExamples(Mix(source="s", kinds=("scene_count",), options=options))
    assert {d.kind for i in range(len(counts)) for d in counts.read(i, 0).dialogues} == {
        "scene_count"
    }
    left = SceneExamples(Mix(source="s", options={**options, "leave": ["scene_dialogue"]}))
    kinds = {d.kind for i in range(len(left)) for d in left.read(i, 0).dialogues}
    assert kinds == {"scene_count", "vqa"}
    with pytest.raises(BadInput, match="unknown option 'rot'"):
        SceneExamples(Mix(source="s", options={"rot": 1}))


def test_the_encoder_learns_what_cells_hold_and_is_saved_as_a_tower(root, tmp_path):
    gallery = SceneGallery(root / "scenes0")
    losses = [
        train_scene_encoder([gallery], TOWER, tmp_path / str(n), num_steps=n) for n in (2, 10, 40)
    ]
    assert losses[2] < 0.6 * losses[0]
    from transformers import AutoModel

    tower = AutoModel.from_pretrained(tmp_path / "40")
    assert tower.config.hidden_size == TOWER["hidden_size"]


def test_real_pictures_teach_the_encoder_nothing_of_cells(root, tmp_path):
    both = [SceneGallery(root / "scenes0"), SceneGallery(root / "real")]
    alone = train_scene_encoder(both[:1], TOWER, tmp_path / "one", num_steps=2)
    assert train_scene_encoder(both, TOWER, tmp_path / "two", num_steps=2) == alone
    reader = CellReader(TOWER)
    gallery = both[0]
    pixels, cells, boxes = (np.array(a) for a in (gallery.pixels, gallery.cells, gallery.boxes))
    cell_loss(reader, pixels, cells, boxes).backward()
    assert all(weight.grad is not None for weight in reader.parameters())


def test_mixes_without_a_gallery_are_left_out(root, tmp_path):
    _, recipe = take_settings(find_recipe("scene-tiny"))
    assert set(SETTINGS).isdisjoint(recipe.stages[0].data[0].options)
    rooted = root_mixes(recipe, root)
    assert [len(stage.data) for stage in rooted.stages] == [2, 2, 4, 1]
    (root / "empty").mkdir()
    (tmp_path / "none").mkdir()
    assert [len(stage.data) for stage in root_mixes(recipe, tmp_path / "none").stages] == [0] * 4


@pytest.mark.parametrize("name", ["scene-tiny", "scene-tiny-lora", "scene-tiny-moe-lora"])
def test_recipes_say_all_that_is_prepared(name):
    recipe = find_recipe(name)
    settings, _ = take_settings(recipe)
    assert tuple(settings) == SETTINGS
    assert settings["num_scenes"] < settings["num_more"]
    stage = recipe.stages[0]
    mix = stage.data[0].replace(options={**stage.data[0].options, "num_scenes": 7})
    changed = recipe.replace(stages=(stage.replace(data=(mix,)), *recipe.stages[1:]))
    assert take_settings(changed)[0]["num_scenes"] == 7
    lacking = {key: value for key, value in mix.options.items() if key != "num_checked"}
    stage = stage.replace(data=(mix.replace(options=lacking), *stage.data[1:]))
    with pytest.raises(BadInput, match=r"options\.num_checked is missing"):
        take_settings(recipe.replace(stages=(stage, *recipe.stages[1:])))


def test_no_scene_is_drawn_twice(tmp_path, monkeypatch):
    """Neither for two galleries of training, nor for training and what is checked."""
    seeds = {}

    class Enough(Exception):
        pass

    def note(root, name, seed, count, *_):
        seeds[name] = range(seed, seed + count)
        if name == "check":
            raise Enough

    monkeypatch.setattr(scene_preparation, "_draw_galleries", note)
    for name, drawn in (("scene-tiny", {"scenes", "more", "check"}),
                        ("scene-tiny-lora", {"scenes", "check"})):  # fmt: skip
        seeds.clear()
        with pytest.raises(Enough):
            scene_preparation.prepare_scene_tiny(find_recipe(name), tmp_path)
        assert seeds.keys() == drawn
        assert sum(map(len, seeds.values())) == len(set().union(*seeds.values()))


@pytest.mark.parametrize("name", NAMES)
def test_scene_tiny_sees_whole_pictures_alone_and_is_small_enough(name):
    recipe = find_recipe(name)
    config = sized_config(recipe.model)
    assert not config.has_face
    assert not config.use_landmarks
    assert config.tokens_per_frame == 81
    with torch.device("meta"):
        model = FaVChatForConditionalGeneration(config)
    adapt_model(model, recipe.stages[-1].lora, seed=0)
    size_bytes = 2 * sum(weight.numel() for weight in model.parameters())
    assert size_bytes < 20e6


def test_the_two_adapters_cost_the_same_but_for_routers():
    sizes = {}
    for name in NAMES[1:]:
        recipe = find_recipe(name)
        with torch.device("meta"):
            model = FaVChatForConditionalGeneration(sized_config(recipe.model))
        adapt_model(model, recipe.stages[-1].lora, seed=0)
        sizes[name] = sum(w.numel() for n, w in model.named_parameters()
                          if ".lora_A" in n or ".lora_B" in n)  # fmt: skip
    assert len(set(sizes.values())) == 1


class Oracle:
    """Answers as the records do, or always the same."""

    def __init__(self, scenes, said: str | None = None) -> None:
        self.said = said
        self.known = {
            (one.pixels.tobytes(), question.text): answer.text
            for one in scenes
            for record in one.records
            for question, answer in zip(record.turns[::2], record.turns[1::2], strict=True)
        }

    def answer(self, pixels, question, history=()):
        del history
        return self.said if self.said is not None else self.known[pixels.tobytes(), question]


def test_a_perfect_model_scores_one_and_a_mute_one_nothing():
    from scenes_truth import draw_questions, measure

    scenes = list(draw_questions(2, 32, first=41))
    perfect = measure(Oracle(scenes), iter(scenes))
    for name in ("count", "existence", "relation", "grounding", "claim_precision", "multi_turn"):
        assert perfect[name]["value"] == 1.0, name
    assert perfect["claim_recall"]["value"] > 0.95
    mute = measure(Oracle(scenes, "Yes."), iter(scenes))
    assert mute["grounding"]["value"] == mute["count"]["value"] == 0.0
    assert mute["existence"]["value"] == mute["existence"]["prior"] == 0.5


def test_every_arm_of_the_study_is_a_run_over_the_shared_base(root, tmp_path):
    from scenes_study import ARMS, study_recipe

    (tmp_path / "0-look" / "final").mkdir(parents=True)
    (tmp_path / "prepared").symlink_to(root)
    recipes = {name: study_recipe(name, 1, tmp_path, 5) for name in ARMS}
    assert {recipe.model.start for recipe in recipes.values()} == {
        str(tmp_path / "0-look" / "final")
    }
    assert all(len(r.stages) == 1 and r.stages[0].num_steps == 5 for r in recipes.values())
    assert recipes["moe-lora"].stages[0].lora.experts == 4
    assert recipes["count alone"].stages[0].data[0].kinds == ("scene_count",)
    assert recipes["local alone"].stages[0].data[0].options["leave"] == ["scene_global"]
    assert len(recipes["grounding alone"].stages[0].data) == 1
    whole = [mix.kinds for mix in find_recipe("scene-tiny").stages[2].data]
    assert [mix.kinds for mix in recipes["full"].stages[0].data] == whole
    for mix in recipes["no conversations"].stages[0].data:
        assert mix.options["leave"] == ["scene_dialogue"]
