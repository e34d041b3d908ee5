"""What could not be used: counted and named in training and validation, whole or resumed."""

import pytest
from transformers import TrainerCallback

from lineament.errors import BadInput, LineamentError
from lineament.training.encoding import AnswerEncoder
from lineament.training.journal import Journal, read_log
from lineament.training.recipe import Mix
from lineament.training.run import run_recipe
from lineament.training.stream import FAILED, CarryingCollator, CarryingStream, Order, Stream
from test_model_toys import _one_thread, toy_model, toy_processor  # noqa: F401
from test_training_toys import TOY_SOURCES, ToySource, toy_example, toy_recipe, toy_stage

BAD = (Mix(source="toy", options={"count": 5, "bad": [1, 3]}),)


class Stop(TrainerCallback):
    """Ends a run as a crash would, behind a step of a stage."""

    def __init__(self, stage: str, step: int) -> None:
        self.stage, self.step = stage, step

    def on_step_end(self, args, state, control, **kwargs) -> None:
        if str(args.output_dir).endswith(self.stage) and state.global_step == self.step:
            raise KeyboardInterrupt


def test_dialogues_that_do_not_fit_are_named_and_the_same_ones_are_kept():
    processor = toy_processor(toy_model().config)
    whole, cut = (AnswerEncoder(processor, max_tokens) for max_tokens in (10_000, 80))
    num_kept = num_left_out = 0
    for index in range(9):
        example = toy_example(index, num_dialogues=4)
        assert whole(example).left_out == ()
        encoded = cut(example)
        (piece,) = encoded.pieces
        kept = set(piece.group_ids.tolist())
        named = [f"toy {index}, dialogue {n + 1}" for n in range(4) if n not in kept]
        assert [name for name, _ in encoded.left_out] == named
        assert all("80 tokens" in reason for _, reason in encoded.left_out)
        num_kept, num_left_out = num_kept + len(kept), num_left_out + len(named)
    assert num_kept + num_left_out == 36
    assert min(num_kept, num_left_out) > 5
    stream = Stream([ToySource(4, bad=(0,))], Order([4], [1.0], 4, 0), AnswerEncoder(processor, 60))
    notes = [name for position in range(4) for name, _ in stream[position].skipped]
    assert "example 0" in notes
    assert any("dialogue" in name for name in notes)


def test_held_out_samples_are_counted_once_and_in_every_row(tmp_path):
    stage = toy_stage(
        num_steps=4,
        validation=BAD,
        validation_samples=5,
        validate_every=2,
    )
    result = run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES)
    rows = read_log(tmp_path / "run" / "skipped.jsonl")
    assert sorted((row["id"], row["set"], row["step"]) for row in rows) == [
        ("example 1", "validation", 2), ("example 3", "validation", 2)
    ]  # fmt: skip
    assert result.num_skipped == 2
    log = read_log(tmp_path / "run" / "log.jsonl")
    assert [row["skipped"] for row in log if row["set"] == "validation"] == [2, 2]


def test_a_resumed_run_reports_what_a_whole_one_does(tmp_path):
    stages = (
        toy_stage("one", data=BAD, num_steps=3),
        toy_stage(
            "two", data=BAD, num_steps=6, validation=BAD, validation_samples=5, row_tokens=70
        ),
    )
    whole = run_recipe(toy_recipe(*stages, log_every=1), tmp_path / "whole", sources=TOY_SOURCES)
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        run_recipe(
            toy_recipe(*stages, log_every=1), cut, sources=TOY_SOURCES, callbacks=[Stop("two", 5)]
        )
    resumed = run_recipe(toy_recipe(*stages, log_every=1), cut, sources=TOY_SOURCES, resume=True)
    assert resumed.num_skipped == whole.num_skipped
    files = [read_log(tmp_path / name / "skipped.jsonl") for name in ("whole", "cut")]
    assert files[0] == files[1]
    assert len(files[0]) == whole.num_skipped
    assert any("dialogue" in row["id"] for row in files[0])
    logs = [read_log(tmp_path / name / "log.jsonl") for name in ("whole", "cut")]
    assert [row["skipped"] for row in logs[0]] == [row["skipped"] for row in logs[1]]
    again = run_recipe(toy_recipe(*stages, log_every=1), cut, sources=TOY_SOURCES, resume=True)
    assert again.num_skipped == whole.num_skipped  # nothing was left to do


def test_a_run_of_an_older_version_is_counted(tmp_path):
    (tmp_path / "skipped.jsonl").write_text('{"stage": "one", "id": "a", "reason": "b"}\n')
    journal = Journal(tmp_path)
    journal.cut("one", 2)
    assert journal.num_skipped == 1


def test_an_error_of_a_process_that_prepares_data_keeps_message_and_hint(tmp_path):
    data = (Mix(source="toy", options={"count": 30, "bad": list(range(1, 30))}),)
    recipe = toy_recipe(toy_stage(data=data, num_steps=4), num_workers=1)
    with pytest.raises(LineamentError) as caught:
        run_recipe(recipe, tmp_path / "run", sources=TOY_SOURCES)
    assert caught.value.message.startswith("20 examples in a row cannot be used, example ")
    assert "\n" not in caught.value.message
    assert caught.value.hint == "look at the data: lineament data verify"


def test_an_error_of_a_batch_is_carried_as_one_of_a_sample():
    def refuse(drawn):
        raise BadInput("no batch", hint="try another")

    stream = CarryingStream(Stream([ToySource(4)], Order([4], [1.0], 4, 0), lambda e: e.id))
    assert len(stream) == 4
    batch = CarryingCollator(refuse)([stream[0]])
    assert (batch[FAILED].message, batch[FAILED].hint) == ("no batch", "try another")
    assert CarryingCollator(lambda drawn: {"ids": [d.encoded for d in drawn]})([stream[1]])["ids"]
