"""The engine: answers equal to `Chat`, turns, places, deadlines, leaving, and what is kept."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from lineament.annotation import Annotation, Fact
from lineament.describe.chat import Chat
from lineament.describe.draw import draw_faces
from lineament.errors import BadInput, BadMedia
from lineament.model.sampling import Sampling
from lineament.model.unmasking import Unmasking
from lineament.serving.admission import Admission
from lineament.serving.answering import NO_MEDIA, Wish, cut_at_stops
from lineament.serving.artist import Artist, DrawingWish
from lineament.serving.lane import FairQueue
from lineament.serving.looking import Sight, stretch_frames
from lineament.serving.shelf import count_bytes
from lineament.serving.spool import Spool, Stored
from lineament.serving.ticket import (
    ClientLeft,
    DeadlinePassed,
    QueueFull,
    ServerStopped,
    Ticket,
)
from serving_toys import (  # noqa: F401
    NoFace,
    OneFace,
    fixture_clip,
    fixture_loaded,
    fixture_looker,
    fixture_make_engine,
    fixture_model_folder,
    fixture_other_clip,
    toy_favchat,
    wait_until,
)
from test_draw import make_drawing_model
from test_model_toys import _one_thread  # noqa: F401

QUESTIONS = [
    "Is the person smiling?",
    "Is he wearing glasses or a hat?",
    "Who is this?",
    "Describe the person.",
]


@pytest.fixture
def spool():
    kept = Spool(1 << 26)
    yield kept
    kept.close()


@pytest.fixture
def media(spool, clip: Path) -> Stored:
    return spool.put(clip.read_bytes())


@pytest.fixture(scope="module")
def alone(loaded) -> Chat:
    return Chat(loaded, make_finder=OneFace)


def ask(engine: Any, media: Stored | None, question: str = "Is she smiling?", **options: Any):
    [ticket] = engine.ask([Wish(question, **options)], media)
    return ticket.result()


def test_answers_in_company_equal_those_of_chat_alone(
    make_engine,
    media,
    spool,
    other_clip,
    clip,
    alone,
):
    expected = [alone.ask(path, q) for path in (clip, other_clip) for q in QUESTIONS]
    engine = make_engine(max_batch=8, max_waiting=8)
    stored = [media, spool.put(other_clip.read_bytes())]
    tickets = [engine.ask([Wish(q)], one)[0] for one in stored for q in QUESTIONS]
    replies = [ticket.result() for ticket in tickets]
    assert [str(reply.answer) for reply in replies] == [str(answer) for answer in expected]
    assert len({str(answer) for answer in expected}) > 4
    for reply, answer in zip(replies, expected, strict=True):
        told, theirs = reply.answer.to_dict(), answer.to_dict()
        for row in (told, theirs):
            del row["seconds"], row["attention"]
        assert told == theirs
    figures = engine.measure()
    assert figures.num_rows > figures.num_passes
    assert figures.feature_misses == 2


def test_history_seeds_and_attention_are_those_of_chat(make_engine, media, clip, alone):
    history = (("Is it a man?", "No."), ("Is she old?", "Yes."))
    sampling = Sampling(0.8, 0.9, 7)
    expected = alone.ask(clip, "Is she smiling?", history, sampling=sampling)
    reply = ask(make_engine(), media, history=history, sampling=sampling, has_attention=True)
    assert reply.answer == expected
    assert [g.time_seconds for g in reply.answer.attention] == [
        g.time_seconds for g in expected.attention
    ]
    assert [g.share for g in reply.answer.attention] == pytest.approx(
        [g.share for g in expected.attention], abs=1e-4
    )


def test_gates_that_read_the_question_see_each_question_by_itself(
    make_engine,
    media,
    clip,
    tmp_path: Path,
):
    from lineament.model.hub import LoadedModel

    model, processor = toy_favchat(text_gate=True)
    gated = LoadedModel("gated", model.eval(), processor)
    chat = Chat(gated, make_finder=OneFace)
    engine = make_engine(model=gated)
    tickets = [engine.ask([Wish(question)], media)[0] for question in QUESTIONS]
    replies = [ticket.result() for ticket in tickets]
    # What one question made of the clip is never read for another.
    assert [reply.num_cached_tokens for reply in replies] == [0] * len(QUESTIONS)
    assert [reply.answer for reply in replies] == [chat.ask(clip, q) for q in QUESTIONS]
    again = ask(engine, media, QUESTIONS[0])
    assert again.answer == replies[0].answer
    assert again.num_cached_tokens > 0


def test_pieces_add_up_to_the_answer_and_stops_end_it(make_engine, media, clip, alone):
    engine, heard = make_engine(), Counter[int]()
    whole = str(alone.ask(clip, QUESTIONS[0]))
    pieces: dict[int, str] = {0: "", 1: ""}

    def tell(number: int, text: str) -> None:
        pieces[number] += text
        heard[number] += 1

    stop = whole[10:13]
    wishes = [Wish(QUESTIONS[0]), Wish(QUESTIONS[0], stops=("never said", stop))]
    replies = [ticket.result() for ticket in engine.ask(wishes, media, on_text=tell)]
    assert pieces[0] == replies[0].answer == whole
    assert heard[0] > 5
    assert pieces[1] == replies[1].answer == whole[: whole.index(stop)]
    assert replies[1].finish == "stop"
    assert replies[1].num_answer_tokens < replies[0].num_answer_tokens


@pytest.mark.parametrize(
    ("pieces", "stops", "told"),
    [
        (["ab", "cd"], [], "abcd"),
        (["ab", "cd"], ["bc"], "a"),
        (["a", "b", "b", "c"], ["bc"], "ab"),
        (["a", "b"], ["bc"], "ab"),
        (["x"], ["x"], ""),
        (["one END two"], ["two", "END"], "one "),
        (["aab", "aac"], ["aabaac"], ""),
    ],
)
def test_text_ends_before_the_first_stop(pieces, stops, told):
    said = list(cut_at_stops((piece for piece in pieces), stops))
    assert "".join(said) == told
    assert all(said)


def test_length_ends_an_answer_and_is_said(make_engine, media):
    engine = make_engine()
    whole = ask(engine, media)
    cut = ask(engine, media, max_new_tokens=5)
    assert (cut.finish, cut.num_answer_tokens) == ("length", 5)
    assert str(whole.answer).startswith(str(cut.answer))
    assert cut.num_prompt_tokens == whole.num_prompt_tokens
    assert cut.num_cached_tokens > 0.8 * cut.num_prompt_tokens
    assert whole.num_cached_tokens == 0


def test_questions_without_media_or_faces_are_answered_by_rule(make_engine, media, looker):
    engine = make_engine()
    reply = ask(engine, None)
    assert (str(reply.answer), reply.answer.source) == (NO_MEDIA, "rule")
    assert "identify" in ask(engine, None, "Who is this?").answer
    looker.make_finder = NoFace
    assert "no face" in ask(engine, media).answer
    assert engine.measure().num_passes == 0


def test_rules_answer_without_a_model(make_engine, media, clip):
    chat = Chat(answerer="rule", make_finder=OneFace)
    question = "How many people are there?"
    reply = ask(make_engine(model=None), media, question)
    assert reply.answer == chat.ask(clip, question) == "There is one person."


def test_the_same_media_are_looked_at_once(make_engine, media, looker):
    engine = make_engine(num_lookers=4)
    looker.gate.clear()
    tickets = [engine.ask([Wish("Is she smiling?")], media)[0] for _ in range(4)]
    wait_until(lambda: engine.measure().num_looking == 4)
    looker.gate.set()
    assert len({str(ticket.result().answer) for ticket in tickets}) == 1
    assert engine.look(media).result().annotation.num_frames == 12
    assert looker.num_looks == 1


def test_looked_at_media_stay_within_their_bytes(make_engine, media, spool, other_clip):
    engine = make_engine()
    ask(engine, media)
    [opened] = engine.shelf._kept.values()
    size = count_bytes(opened)
    assert opened.media.visual_tokens.nbytes + opened.visual.frames.nbytes < size < 1_000_000
    engine.shelf.limit_bytes = int(1.5 * size)
    ask(engine, spool.put(other_clip.read_bytes()))
    assert len(engine.shelf) == 1
    assert engine.measure().feature_bytes <= 1.5 * size
    small = make_engine(feature_bytes=10)
    assert ask(small, media).answer == ask(engine, media).answer
    assert len(small.shelf) == 0


def test_bad_media_fail_their_request_alone(make_engine, spool, media):
    engine = make_engine()
    broken = spool.put(b"\x00\x00\x00\x18ftypmp42 and then nothing of use")
    tickets = [engine.ask([Wish("Is she?")], one)[0] for one in (broken, media, broken)]
    assert tickets[1].result().answer
    for ticket in (tickets[0], tickets[2]):
        with pytest.raises(BadMedia) as caught:
            ticket.result()
        assert str(spool.folder) not in caught.value.message + caught.value.hint
        assert broken.key not in caught.value.message + caught.value.hint


def test_clients_take_turns():
    queue = FairQueue()
    for client, count in (("many", 4), ("few", 2), ("one", 1)):
        for number in range(count):
            ticket = Ticket(client)
            queue.put(ticket, lambda client=client, number=number: (client, number))
    order = [queue.take()[1]() for _ in range(7)]  # type: ignore[index]
    assert order == [
        ("many", 0), ("few", 0), ("one", 0), ("many", 1), ("few", 1), ("many", 2), ("many", 3),
    ]  # fmt: skip
    waiting = Ticket("many")
    queue.put(waiting, lambda: None)
    assert queue.discard(waiting)
    assert not queue.discard(waiting)
    assert len(queue) == 0


def test_a_full_house_refuses_and_keeps_a_place_for_newcomers():
    places = Admission(16)
    places.enter("greedy", 14)
    with pytest.raises(QueueFull) as caught:
        places.enter("greedy")
    assert 1 <= caught.value.retry_seconds <= 30
    places.enter("new")
    places.enter("newer")
    with pytest.raises(QueueFull):
        places.enter("newest")
    places.leave("greedy")
    with pytest.raises(QueueFull):
        places.enter("greedy")
    places.enter("newest")
    assert len(places) == 16
    assert places.num_refused == 3


def test_more_than_all_places_is_refused_and_waiting_ones_that_leave_free_theirs(
    make_engine,
    media,
    looker,
):
    engine = make_engine(max_batch=1, max_waiting=2)
    looker.gate.clear()
    running, *waiting = [engine.ask([Wish("Is she?")], media)[0] for _ in range(3)]
    for _ in range(3):
        with pytest.raises(QueueFull):
            engine.ask([Wish("Is she?")], media)
    with pytest.raises(QueueFull):
        engine.look(media)
    wait_until(lambda: engine.measure().num_looking == 1)
    for ticket in waiting:
        ticket.cancel()
        with pytest.raises(ClientLeft):
            ticket.result()
    with pytest.raises(QueueFull):  # all or none
        engine.ask([Wish("Is she?")] * 3, None)
    again = engine.ask([Wish("Is she?")] * 2, None)
    looker.gate.set()
    assert [ticket.result().finish for ticket in (running, *again)][1:] == ["stop"] * 2
    assert engine.measure().num_refused == 5


def test_cancelling_frees_a_slot_in_mid_answer(make_engine, media):
    engine = make_engine(max_batch=1, max_waiting=1)
    heard: list[str] = []
    [endless] = engine.ask(
        [Wish("Is she smiling?", max_new_tokens=900)],
        media,
        on_text=lambda _, text: heard.append(text),
    )
    wait_until(lambda: len(heard) > 3)
    [waiting] = engine.ask([Wish("Is she smiling?", max_new_tokens=5)], media)
    endless.cancel()
    assert waiting.result().num_answer_tokens == 5
    with pytest.raises(ClientLeft):
        endless.result()
    assert engine._decoder.num_rows == 0


def test_deadlines_end_what_runs_and_what_waits(make_engine, media, looker):
    engine = make_engine(max_batch=1, max_waiting=1, deadline_seconds=0.5)
    looker.gate.clear()
    tickets = [engine.ask([Wish("Is she?")], media)[0] for _ in range(2)]
    for ticket in tickets:
        with pytest.raises(DeadlinePassed):
            ticket.result()
    looker.gate.set()
    wait_until(lambda: all(ticket.future.done() for ticket in tickets))
    engine = make_engine(deadline_seconds=60.0)
    [late] = engine.ask([Wish("Is she smiling?", max_new_tokens=900)], media, on_text=lambda *_: 0)
    late._deadline = 0.0
    with pytest.raises(DeadlinePassed):
        late.future.result(30)


def test_texts_are_checked_against_media_and_annotations(make_engine, media):
    engine = make_engine(model=None)
    known = Annotation("x", (), (Fact("smile", True),), frozenset({"wearing_hat"}))
    checked, annotation = engine.check("She smiles and wears a hat.", known).result()
    verdicts = {row.name: row.verdict for row in checked.claims}
    assert verdicts == {"male": "unknown", "smile": "supported", "wearing_hat": "contradicted"}
    assert annotation is known
    checked, annotation = engine.check("There are two people.", media).result()
    assert checked.contradicted == 1
    assert annotation.media == ""


def test_drawings_are_those_of_the_command_and_can_be_stopped(make_engine, tmp_path: Path):
    model = make_drawing_model()
    wish = DrawingWish("a smiling woman named Brad Kvistholm", count=2, seed=5, num_steps=2)
    engine = make_engine(model=None, artist=Artist(model), max_drawing=1)
    drawing = engine.draw(wish).result()
    drawn = draw_faces(
        wish.prompt, tmp_path / "f.png", count=2, seed=5, model=model, settings=Unmasking(2)
    )
    assert list(drawing.pictures) == [path.read_bytes() for path in drawn.files]
    assert drawing.notes[0].startswith("nobody is drawn by name")
    long = engine.draw(DrawingWish("a man", count=2_000, num_steps=2))
    with pytest.raises(QueueFull):
        engine.draw(wish)
    long.cancel()
    with pytest.raises(ClientLeft):
        long.result()
    assert engine.draw(wish).result().told == drawing.told
    for wrong in (DrawingWish(" "), DrawingWish("a man", count=0), DrawingWish("x", seed=-1)):
        with pytest.raises(BadInput):
            engine.draw(wrong).result()
    with pytest.raises(BadInput, match="draws nothing"):
        make_engine(model=None).draw(wish)


def test_closing_ends_everything_with_a_clear_error(make_engine, media, looker):
    engine = make_engine(max_batch=1)
    looker.gate.clear()
    tickets = [engine.ask([Wish("Is she?")], media)[0] for _ in range(3)]
    wait_until(lambda: engine.measure().num_looking == 1)
    engine.close()
    for ticket in tickets:
        with pytest.raises(ServerStopped):
            ticket.result()
    with pytest.raises(ServerStopped):
        engine.ask([Wish("Is she?")], media)
    assert not engine.is_running


def test_stretched_frames_are_what_the_processor_makes(loaded):
    from lineament.model.processor import encode_pixels

    frames = torch.randint(0, 256, (2, 30, 41, 3), dtype=torch.uint8).numpy()
    processor = loaded.processor
    size = processor.frame_size_px
    stretched = stretch_frames(frames, Sight.of(loaded).frame_size_px)
    statistics = (processor.frame_mean, processor.frame_std)
    assert torch.equal(
        encode_pixels(stretched, size, *statistics), encode_pixels(frames, size, *statistics)
    )
