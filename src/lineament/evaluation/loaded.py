"""Models of ours as answerers: face crops and landmarks made as for training, greedy answers."""

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, final

import numpy as np
import torch

from lineament.config import require_known
from lineament.describe.scene_model import is_scene_model
from lineament.describe.visual import (
    choose_frames,
    crop_person,
    find_person,
    keep_finder,
    sample_person,
)
from lineament.errors import BadInput
from lineament.evaluation.answerer import (
    LONG_TOKENS,
    Answerer,
    Asked,
    Blindfold,
    Failure,
    group_by_visual,
    say_limits,
)
from lineament.evaluation.foreign import find_first_tokens, hash_folder
from lineament.evaluation.item import Visual
from lineament.evaluation.likelihood import LikelihoodAnswerer, YesNo
from lineament.faces.follow import FinderFactory
from lineament.faces.mesh import MeshFinder
from lineament.faces.padding import PaddedFinder
from lineament.faces.track import follow_faces
from lineament.model.hub import LoadedModel, find_folder, load
from lineament.model.media import MediaTokens, Streams
from lineament.model.processor import VisualInput
from lineament.video import Clip

MAX_NEW_TOKENS = 48
NUM_FRAMES = 8
QUESTIONS_AT_ONCE = 64
STREAMS = ("general", "face", "landmarks")
Said = TypeVar("Said")


@final
class LoadedAnswerer:
    """A FaVChat model, asked greedily; each clip is encoded once for all its questions.

    Attributes:
        loaded: The model and its processor.
        is_blind: All visual streams are switched off: what language alone gives.
        without: Streams that are switched off, of `STREAMS`.
        make_finder: Makes the face finder; None where no face is looked for.
    """

    is_looking = True
    num_media = 8

    def __init__(
        self,
        loaded: LoadedModel,
        *,
        identity: str = "",
        is_blind: bool = False,
        without: Sequence[str] = (),
        make_finder: FinderFactory | None = MeshFinder,
        max_new_tokens: int = MAX_NEW_TOKENS,
        long_tokens: int = LONG_TOKENS,
        num_frames: int = NUM_FRAMES,
    ) -> None:
        self.loaded = loaded
        for stream in without:
            require_known(stream, STREAMS, "without")
        self.is_blind, self.without = is_blind, tuple(without)
        self.make_finder = None if make_finder is None else keep_finder(make_finder)
        self.max_new_tokens, self.long_tokens = max_new_tokens, long_tokens
        self.num_frames = num_frames
        blind = ", blind" if is_blind else "".join(f", without {name}" for name in without)
        self.name = f"{loaded.name}{blind}"
        settings = f"{say_limits(max_new_tokens, long_tokens)}, frames {num_frames}"
        self.identity = f"{identity or loaded.name}, {settings}{blind}"

    def blindfolded(self) -> "LoadedAnswerer":
        """Return the same model without sight."""
        identity = self.identity.rsplit(", tokens", 1)[0]
        return LoadedAnswerer(
            self.loaded, identity=identity, is_blind=True, make_finder=self.make_finder,
            max_new_tokens=self.max_new_tokens, long_tokens=self.long_tokens,
            num_frames=self.num_frames,
        )  # fmt: skip

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Answer all questions; each media is looked at and encoded once a chunk."""
        answers: list[str | Failure] = [Failure("not asked")] * len(batch)
        for is_long, most in ((False, self.max_new_tokens), (True, self.long_tokens)):
            places = [place for place, asked in enumerate(batch) if asked.is_long is is_long]
            generate = functools.partial(self._generate, max_new_tokens=most)
            said = self._ask([batch[place] for place in places], generate)
            for place, text in zip(places, said, strict=True):
                answers[place] = text
        return answers

    def yes_no(self, batch: Sequence[Asked]) -> list[YesNo | Failure]:
        """Return how likely each answer begins with yes and with no, in any spelling."""
        return self._ask(batch, self._weigh)

    @functools.cached_property
    def first_tokens(self) -> dict[bool, list[int]]:
        """The tokens with which yes, and no, may begin.

        Raises:
            BadModel: The tokenizer does not tell the two apart by their first tokens.
        """
        tokenizer = self.loaded.processor.tokenizer
        return {side: find_first_tokens(tokenizer, side) for side in (True, False)}

    def _ask(
        self,
        batch: Sequence[Asked],
        ask: Callable[[Sequence[VisualInput], Sequence[int], Sequence[str]], list[Said]],
    ) -> list[Said | Failure]:
        groups = group_by_visual(batch)
        seen = [self._look(visual) for visual, _ in groups]
        order = [(place, number) for number, (_, own) in enumerate(groups) for place in own]
        answers: list[Said | Failure] = [Failure("not asked")] * len(batch)
        for start in range(0, len(order), QUESTIONS_AT_ONCE):
            chunk = order[start : start + QUESTIONS_AT_ONCE]
            first = chunk[0][1]
            own = seen[first : chunk[-1][1] + 1]
            rows = [number - first for _, number in chunk]
            said = ask(own, rows, [batch[place].prompt for place, _ in chunk])
            for (place, _), text in zip(chunk, said, strict=True):
                answers[place] = text
        return answers

    def _look(self, visual: Visual) -> VisualInput:
        return prepare_visual(
            visual, None if self.is_blind else self.make_finder, num_frames=self.num_frames,
            num_samples=self.loaded.processor.landmark_samples,
        )  # fmt: skip

    def _generate(
        self, visuals: Sequence[VisualInput], rows: Sequence[int], questions: Sequence[str],
        *, max_new_tokens: int,
    ) -> list[str]:  # fmt: skip
        made, start = self._run(visuals, rows, questions, max_new_tokens=max_new_tokens)
        fresh = made.sequences[:, start:]
        said = self.loaded.processor.tokenizer.batch_decode(fresh, skip_special_tokens=True)
        return [answer.strip() for answer in said]

    def _weigh(
        self, visuals: Sequence[VisualInput], rows: Sequence[int], questions: Sequence[str]
    ) -> list[YesNo]:
        made, _ = self._run(visuals, rows, questions, max_new_tokens=1, output_logits=True)
        log_probs = made.logits[0].float().log_softmax(-1)
        sides = [
            log_probs[:, self.first_tokens[side]].logsumexp(-1).tolist() for side in (True, False)
        ]
        return [YesNo(yes, no) for yes, no in zip(*sides, strict=True)]

    @torch.inference_mode()
    def _run(
        self, visuals: Sequence[VisualInput], rows: Sequence[int], questions: Sequence[str],
        **settings: Any,
    ) -> tuple[Any, int]:  # fmt: skip
        """Return what is generated, and where its own tokens start."""
        model, processor = self.loaded.model, self.loaded.processor
        conversations = [[{"role": "user", "content": text}] for text in questions]
        inputs: dict[str, Any] = dict(processor(conversations, [visuals[row] for row in rows]))
        inputs = {key: value.to(model.device) for key, value in inputs.items()}
        text = {key: inputs.pop(key) for key in ("input_ids", "attention_mask")}
        off = STREAMS if self.is_blind else self.without
        switches: dict[str, Any] = {f"use_{stream}": False for stream in off}
        # With the gate, what is seen depends on the question; a blind model sees nothing.
        if not self.is_blind and not model.config.text_gate:
            encoded = processor.encode_visuals(list(visuals))
            own_inputs: dict[str, Any] = {k: v.to(model.device) for k, v in encoded.items()}
            media = model.encode_media(**own_inputs, streams=Streams(**switches))
            assert media.visual_tokens is not None
            assert media.visual_mask is not None
            own = list(rows)
            inputs = {"media": MediaTokens(media.visual_tokens[own], media.visual_mask[own])}
            switches = {}
        made = model.generate(
            **text, **inputs, **switches, **settings, do_sample=False,
            eos_token_id=processor.end_token_id, pad_token_id=processor.tokenizer.pad_token_id,
            return_dict_in_generate=True,
        )  # fmt: skip
        return made, text["input_ids"].shape[1]


def prepare_visual(
    visual: Visual, make_finder: FinderFactory | None, *, num_frames: int, num_samples: int
) -> VisualInput:
    """Find and follow the person, and sample frames, crops and landmarks as chat does.

    Without a finder nobody is looked for: a blind model needs no more than the frames' times.
    """
    height, width = visual.frames.shape[1:3]
    times = np.array(visual.times_seconds, np.float64)
    tracks = []
    if make_finder is not None:
        finder = make_finder()
        if len(times) == 1:  # a tight crop is found with a border round it, as chat does
            finder = PaddedFinder(finder)
        tracks, _ = follow_faces(zip(times.tolist(), visual.frames, strict=True), finder)
    person = find_person(tracks)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    clip = Clip(
        Path("memory"), width, height, float(times[-1] + step), len(times),
        1 / step if step else 0.0, is_picture=len(times) == 1,
    )  # fmt: skip
    edges, frame_index = choose_frames(clip, times, num_frames)
    pixels = visual.frames[frame_index]
    faces, face_mask = crop_person(pixels, frame_index, person, 128)
    landmarks, landmark_mask = sample_person(person, edges, clip, num_samples)
    return VisualInput(
        frames=pixels,
        times_seconds=times[frame_index].tolist(),
        faces=faces,
        face_mask=face_mask,
        landmarks=landmarks,
        landmark_mask=landmark_mask,
    )


def open_answerer(name_or_path: str, *, without: Sequence[str] = ()) -> LoadedAnswerer:
    """Load a model by name or folder, with streams switched off.

    A model of scenes is shown whole pictures, in which no face is looked for.

    Raises:
        BadModel: There is no such model, or it is damaged.
    """
    folder = find_folder(name_or_path)
    identity = hash_model(folder)
    if is_scene_model(name_or_path):
        loaded = load(name_or_path)
        return LoadedAnswerer(loaded, identity=identity, without=without, make_finder=None)
    return LoadedAnswerer(load(name_or_path), identity=identity, without=without)


def open_likelihoods(
    name_or_path: str, *, is_blind: bool = False
) -> tuple[Answerer, Answerer | None]:
    """Load a model that is asked how likely it says yes, and its copy without sight.

    Raises:
        BadModel: There is no such model, or its tokenizer does not tell yes from no.
    """
    answerer = open_answerer(name_or_path)
    _ = answerer.first_tokens  # refused before anything is asked
    blind = LikelihoodAnswerer(answerer.blindfolded()) if is_blind else None
    return LikelihoodAnswerer(answerer), blind


def open_model(
    name_or_path: str, *, is_blind: bool = False, without: Sequence[str] = ()
) -> tuple[Answerer, Answerer | None]:
    """Load any model of ours, one that draws too, and its copy without sight where one is wanted.

    Raises:
        BadModel: There is no such model, or it is damaged.
        BadInput: Streams are to be switched off of a model that has none.
    """
    folder = find_folder(name_or_path)
    if not draws(folder):
        answerer = open_answerer(name_or_path, without=without)
        return answerer, answerer.blindfolded() if is_blind else None
    if without:
        raise BadInput("--without needs a model with several visual streams")
    from lineament.evaluation.portraits import PortraitAnswerer
    from lineament.model.drawing import load_drawing_model
    from lineament.model.portrait_eyes import find_eyes_folder, load_portrait_eyes

    eyes = load_portrait_eyes(folder) if find_eyes_folder(folder) else None
    drawing = PortraitAnswerer(load_drawing_model(name_or_path), eyes, identity=hash_model(folder))
    return drawing, Blindfold(drawing) if is_blind else None


def draws(folder: Path) -> bool:
    """Say whether a model's folder holds one that draws."""
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return settings["model_type"] == "unif2ace"
    except (OSError, ValueError, KeyError, TypeError):
        return False  # whoever loads it says what is wrong


def hash_model(folder: Path) -> str:
    """Return the folder's name and a hash of all that answers depend on.

    Weights, settings, tokenizer and processor count, each by its name and content, those in
    folders inside among them; cards and other texts do not.
    """
    return f"{folder.name} {hash_folder(folder, is_deep=True)}"
