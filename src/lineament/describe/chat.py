"""Chat about a clip or picture: the model's words, the clip's facts, and what is never told."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from lineament.annotation import Annotation, Validated
from lineament.claims import read_question
from lineament.claims.question import plain_form
from lineament.describe.annotate import AnnotatedClip, subject_id
from lineament.describe.answer import Answer, Glance, Source
from lineament.describe.asking import (
    Turns,
    find_mentioned,
    is_summary_wanted,
    understand,
)
from lineament.describe.bearing import (
    MAX_FACTS,
    Validation,
    check_answer,
    find_facts,
    find_validation,
    find_weakest,
    read_own_claims,
)
from lineament.describe.description import (
    Description,
    OwnWord,
    read_sentences,
    tell_answer,
    without_times,
)
from lineament.describe.limits import (
    NOT_READ,
    Ruled,
    find_rule,
    find_turn_names,
    is_at_risk,
    locate_subject,
    speaks_of_else,
)
from lineament.describe.look import look_at_media
from lineament.describe.question import check_question
from lineament.describe.refusals import find_refused_topic, media_word, refuse
from lineament.describe.rule_answers import CANNOT_TELL, answer_by_rule
from lineament.describe.scene_beside import find_scene_annotation
from lineament.describe.scene_chat import SceneChat
from lineament.describe.scene_model import SceneModel, sees_scenes
from lineament.describe.visual import NUM_FRAMES, find_person, visual_from_followed
from lineament.describe.wording import turn_around
from lineament.errors import BadInput, BadModel
from lineament.faces.follow import FinderFactory
from lineament.faces.landmarks import NUM_ROWS
from lineament.faces.mesh import MeshFinder
from lineament.model.drafting import DraftTable, NgramDrafter
from lineament.model.hub import LoadedModel, find_folder, load
from lineament.model.media import MediaTokens, Streams
from lineament.model.processor import VisualInput
from lineament.model.sampling import GREEDY, PrefixDecoder, Sampling

Answerer = Literal["model", "rule", "blind"]
MAX_NEW_TOKENS = 160
MAX_OPENED = 4  # clips whose frames and features are kept
MAX_QUESTION_CHARACTERS = 20_000
NOTHING_VALIDATED = (
    "I cannot describe this {media}: nothing that I would say is validated on real media."
)
NOTHING_SAID = "I cannot describe this {media}."
NOTHING_HOLDS = "I cannot describe this {media}: asked outright, I deny all that I would say."

History = Sequence[tuple[str, str]]
TellText = Callable[[str], None]


@dataclass
class OpenedMedia:
    """A clip or picture that was looked at; what is made of it is made once.

    Attributes:
        annotated: Everybody's tracks and facts.
        visual: What the model sees; None until it is asked.
        media: The same as tokens.
        own_word: What the model answered about single names, to hold descriptions to.
    """

    annotated: AnnotatedClip
    visual: VisualInput | None = None
    inputs: dict[str, Tensor] = field(default_factory=dict)
    media: MediaTokens | None = None
    own_word: OwnWord | None = None

    @property
    def annotation(self) -> Annotation:
        """What landmarks show."""
        return self.annotated.annotation

    @property
    def subject(self) -> str | None:
        """The person that the model sees closely; None without a face."""
        person = find_person(self.annotated.followed.tracks)
        return None if person is None else subject_id(person)


class Chat:
    """Answer questions about clips and pictures.

    A second question about the same file uses the frames, faces, features and the part of the
    model's cache that the first one made.

    Args:
        model: The name of an installed model, its folder, or one that is loaded.
        answerer: ``model``; ``rule`` answers from landmarks in fixed words and loads no
            model; ``blind`` is the model with nothing to see, to measure what it guesses.
        make_finder: Makes the face finder.
        use_drafts: Whether to guess several tokens at a time; the answers are the same.

    Raises:
        BadInput: There is no such answerer.
        BadModel: There is no such model, or it is damaged.
    """

    def __init__(
        self,
        model: str | Path | LoadedModel = "chat-tiny",
        *,
        answerer: Answerer | str = "model",
        make_finder: FinderFactory = MeshFinder,
        use_drafts: bool = True,
    ) -> None:
        if answerer not in ("model", "rule", "blind"):
            raise BadInput(
                f"answerer: expected model, rule or blind, got {answerer!r}",
                hint="model answers; rule and blind are there to compare it with",
            )
        self.name = model.name if isinstance(model, LoadedModel) else str(model)
        self.answerer: Answerer = cast("Answerer", answerer)
        self._make_finder = make_finder
        self._opened: OrderedDict[object, OpenedMedia] = OrderedDict()
        self._scenes: dict[object, SceneChat | None] = {}
        self._validation: Validation = {}
        self._loaded: LoadedModel | None = None
        if answerer != "rule":
            self._loaded = model if isinstance(model, LoadedModel) else load(model)
            self._prepare(self._loaded, use_drafts=use_drafts)

    def _prepare(self, loaded: LoadedModel, *, use_drafts: bool) -> None:
        if loaded.processor.num_landmarks not in (0, NUM_ROWS):
            raise BadModel(
                f"{loaded.name}: takes {loaded.processor.num_landmarks} landmarks, not {NUM_ROWS}",
                hint="train the model with num_landmarks as it is by default",
            )
        folder = _find_own_folder(loaded)
        self._validation = find_validation(folder)
        table = DraftTable.find(folder) if folder and use_drafts else None
        placeholder = loaded.processor.frame_token_id
        drafter = NgramDrafter(table, ignored_ids=[placeholder]) if use_drafts else None
        self.decoder = PrefixDecoder(
            loaded.model, stop_token_ids=[loaded.processor.end_token_id], drafter=drafter
        )

    @property
    def num_parameters(self) -> int:
        """How many weights the model has; 0 where rules answer."""
        return 0 if self._loaded is None else self._loaded.model.num_parameters()

    def open(
        self,
        media: Path | str,
        annotated: AnnotatedClip | None = None,
        *,
        on_frame: Callable[[float], None] | None = None,
    ) -> OpenedMedia:
        """Look at a clip or picture, unless that has been done.

        Args:
            media: A clip or picture.
            annotated: What `look_at_media` found in it, where that has run already.
            on_frame: Called with the time of each frame looked at, for progress.

        Raises:
            BadMedia: The file cannot be used.
            MissingExtra: mediapipe is not installed.
        """
        key = _key_of(Path(media))
        opened = self._opened.get(key)
        if opened is None:
            opened = OpenedMedia(
                annotated or look_at_media(media, make_finder=self._make_finder, on_frame=on_frame)
            )
            self._opened[key] = opened
            while len(self._opened) > MAX_OPENED:
                self._opened.popitem(last=False)
        self._opened.move_to_end(key)
        return opened

    def chat(self, media: Path | str, question: str, **options: Any) -> Answer:
        """Answer a question; see `ask`."""
        return self.ask(media, question, **options)

    def ask(
        self,
        media: Path | str,
        question: str,
        history: History | None = None,
        *,
        all_facts: bool = False,
        sampling: Sampling = GREEDY,
        on_text: TellText | None = None,
    ) -> Answer:
        """Answer a question about a clip or picture.

        Who somebody is, where a family comes from, and anything about media without a face is
        refused by rule, whatever the model. Rules also count how often something is done, and
        say so where a question is not understood, or asks of one picture when something happens.

        Args:
            media: A clip or picture.
            question: In English. The model reads it with a capital and an end mark, misspelt
                words put right; the answer keeps it as it came.
            history: Questions and answers before, about the same media. A model of faces is
                shown the last of them, and that only by a question that needs it: "And a hat?".
            all_facts: Keep the sentences of a description that say what is not validated on
                real media. What the model denies when asked outright is left out in any case.
            sampling: How the model chooses its words.
            on_text: Called with each piece of the answer as soon as it is sure.

        Raises:
            BadInput: The question is empty or too long.
            BadMedia: The file cannot be used.
        """
        start_seconds = time.perf_counter()
        question = check_question(question, MAX_QUESTION_CHARACTERS)
        if (scenes := self._find_scenes(media)) is not None:
            return scenes.ask(media, question, history, on_text=on_text)
        opened = self.open(media)
        told = on_text or (lambda _: None)
        plain, turns = understand(question, history or ())
        topic = find_refused_topic(question, opened.annotation)
        topic = topic or find_refused_topic(plain, opened.annotation)
        if topic is not None:
            answer = Answer(
                _tell(refuse(topic, opened.annotation), told), question=question, source="rule"
            )
        elif self.answerer == "rule":
            text = answer_by_rule(plain, opened.annotation, opened.subject or "face 0")
            answer = self._found(_tell(text, told), plain, opened, "rule")
        else:
            answer = self._ask_model(opened, plain, turns, all_facts, sampling, told)
        answer.question = question
        answer.seconds = time.perf_counter() - start_seconds
        return answer

    def _find_scenes(self, media: Path | str) -> SceneChat | None:
        """Return who answers about an aerial picture: a model of scenes, or rules."""
        key = _key_of(Path(media))
        if key not in self._scenes:
            known = find_scene_annotation(media)
            loaded = self._loaded if self.answerer in ("model", "blind") else None
            is_blind = self.answerer == "blind"
            model = None
            if loaded is not None and sees_scenes(loaded.model.config.to_dict()):
                model = SceneModel(loaded, is_blind=is_blind)
            if is_blind and known is not None and model is None:
                raise BadInput(f"{media}: a scene, and {self.name} is no model of scenes",
                               hint="name one to be asked blind")  # fmt: skip
            has_any = known is not None or model is not None
            self._scenes[key] = SceneChat(known, model) if has_any else None
            while len(self._scenes) > MAX_OPENED:
                self._scenes.pop(next(iter(self._scenes)))
        return self._scenes[key]

    def _ask_model(
        self,
        opened: OpenedMedia,
        question: str,
        turns: Turns,
        all_facts: bool,
        sampling: Sampling,
        told: TellText,
    ) -> Answer:
        use_facts = self.answerer != "blind"
        ruled = find_rule(question, opened.annotation, opened.subject, turns, use_facts=use_facts)
        if ruled is not None:
            return self._answer_ruled(ruled, question, opened, told)
        affirmed = plain_form(question)
        prompt, media = self._read_prompt(opened, affirmed or question, turns)
        token_ids: list[int] = []
        pieces = self._stream_text(prompt, media, sampling, token_ids)
        if affirmed:
            pieces = iter([turn_around("".join(pieces))])
        judge = self._make_judge(opened, all_facts)
        is_open = read_question(question).kind in ("what", "where")
        if opened.annotation.duration_seconds <= 0 and (is_open or is_summary_wanted(question)):
            pieces = iter([without_times("".join(pieces))])
        if is_summary_wanted(question):
            text = self._describe(judge, pieces, media_word(opened.annotation), told)
        else:
            if is_at_risk(question, turns):
                text = "".join(pieces)
                if speaks_of_else(question, text, turns):
                    return self._answer_ruled(Ruled(NOT_READ), question, opened, told)
                pieces = iter([text])
            names = find_mentioned(question).union(*map(find_turn_names, turns))
            text = tell_answer(pieces, judge, names, told, is_open=is_open)
            if not text and (judge.num_left_out or judge.num_denied or judge.num_malformed):
                text = _tell(CANNOT_TELL.format(media=media_word(opened.annotation)), told)
        source: Source = "blind" if self.answerer == "blind" else "model"
        answer = self._found(text, question, opened, source)
        answer.num_left_out, answer.num_denied = judge.num_left_out, judge.num_denied
        answer.attention = self._find_attention(opened, prompt, token_ids, media)
        return answer

    def _answer_ruled(
        self, ruled: Ruled, question: str, opened: OpenedMedia, told: TellText
    ) -> Answer:
        """Answer in a model's place."""
        text = _tell(ruled.text, told)
        if not ruled.is_known:
            return Answer(text, question=question, source="rule")
        answer = self._found(text, question, opened, "rule")
        answer.facts = tuple(dict.fromkeys([*ruled.facts, *answer.facts]))[:MAX_FACTS]
        return answer

    def _stream_text(
        self, prompt: list[int], media: MediaTokens, sampling: Sampling, token_ids: list[int]
    ) -> Iterator[str]:
        """Yield the answer in pieces that end where a character ends; fills ``token_ids``."""
        assert self._loaded is not None
        tokenizer: Any = self._loaded.processor.tokenizer
        done = ""
        stream = self.decoder.stream(
            prompt, media=media, max_new_tokens=MAX_NEW_TOKENS, sampling=sampling
        )
        for token in stream:
            token_ids.append(token)
            text = tokenizer.decode(token_ids, skip_special_tokens=True).lstrip()
            if text.endswith("\ufffd"):  # half of a character: its other bytes come next
                continue
            if len(text) > len(done):
                yield text[len(done) :]
                done = text

    def _make_judge(self, opened: OpenedMedia, all_facts: bool) -> Description:
        """Return who judges which sentences are passed on."""
        if opened.own_word is None:
            media = media_word(opened.annotation)
            opened.own_word = OwnWord(lambda asked: self._ask_whether(opened, asked), media)
        return Description(opened.own_word, None if all_facts else self._validation)

    def _describe(
        self, judge: Description, pieces: Iterator[str], media: str, told: TellText
    ) -> str:
        """Pass on the sentences of a description that hold, each as soon as it is judged."""
        text = ""
        for sentence in judge.choose(read_sentences(pieces)):
            text += _tell(f" {sentence}" if text else sentence, told)
        if text:
            return text
        why = NOTHING_HOLDS if judge.num_denied else NOTHING_SAID
        why = NOTHING_VALIDATED if judge.num_left_out else why
        return _tell(why.format(media=media), told)

    def _ask_whether(self, opened: OpenedMedia, question: str) -> str:
        """Return the word that an answer begins with."""
        prompt, media = self._read_prompt(opened, question, ())
        return next(self._stream_text(prompt, media, GREEDY, []), "")

    def _found(self, text: str, question: str, opened: OpenedMedia, source: Source) -> Answer:
        """Put what is known beside the words."""
        checked = check_answer(read_own_claims(question, text), opened.annotation, opened.subject)
        of_names = "" if is_summary_wanted(question) else question
        facts = (
            *locate_subject(opened.annotation, opened.annotated.followed),
            *find_facts(of_names, checked, opened.annotation, opened.subject),
        )
        validation: Validation = self._validation
        if source == "rule":
            validation = _validation_of_facts(opened.annotation)
        return Answer(
            text,
            question=question,
            facts=tuple(dict.fromkeys(facts))[:MAX_FACTS],
            claims=checked.claims,
            validated=find_weakest([row.name for row in checked.claims], validation),
            source=source,
        )

    def _read_prompt(
        self, opened: OpenedMedia, question: str, history: History
    ) -> tuple[list[int], MediaTokens]:
        """Write the conversation as tokens; the oldest turns go where it grows too long."""
        turns = list(history)
        visual = self._find_visual(opened)
        prompt = self._write_prompt(visual, turns, question)
        while turns and len(prompt) + MAX_NEW_TOKENS > self.decoder.max_tokens:
            turns = turns[1:]
            prompt = self._write_prompt(visual, turns, question)
        return prompt, self._find_media(opened, prompt)

    def _write_prompt(self, visual: VisualInput, turns: History, question: str) -> list[int]:
        assert self._loaded is not None
        processor: Any = self._loaded.processor
        messages: list[dict[str, str]] = []
        for asked, answered in turns:
            messages.append({"role": "user", "content": str(asked)})
            messages.append({"role": "assistant", "content": str(answered)})
        messages.append({"role": "user", "content": question})
        return processor.tokenizer.apply_chat_template(
            processor.place_frames(messages, visual),
            chat_template=processor.chat_template,
            tokens_per_frame=processor.tokens_per_frame,
            add_generation_prompt=True,
            return_dict=False,
        )

    def _find_visual(self, opened: OpenedMedia) -> VisualInput:
        if opened.visual is None:
            assert self._loaded is not None
            processor = self._loaded.processor
            opened.visual = visual_from_followed(
                opened.annotated.followed,
                num_frames=NUM_FRAMES,
                num_samples=processor.landmark_samples,
                crop_size_px=processor.face_size_px[0],
            )
        return opened.visual

    def _find_media(self, opened: OpenedMedia, prompt: list[int]) -> MediaTokens:
        """Encode the clip once; once a question for a gate that reads the question."""
        assert self._loaded is not None
        model = self._loaded.model
        if opened.media is not None and not model.config.text_gate:
            return opened.media
        with torch.inference_mode():
            if not opened.inputs:
                opened.inputs = self._loaded.processor.encode_visuals([opened.visual])
            sees = self.answerer != "blind"
            opened.media = model.encode_media(
                **opened.inputs,
                prompt=model.embed_prompt(torch.tensor([prompt])),
                streams=Streams(sees, sees, sees),
            )
        return opened.media

    def _find_attention(
        self, opened: OpenedMedia, prompt: list[int], token_ids: list[int], media: MediaTokens
    ) -> tuple[Glance, ...]:
        if not token_ids or opened.visual is None:
            return ()
        assert self._loaded is not None
        input_ids = torch.tensor([prompt + token_ids])
        is_answer = torch.arange(input_ids.shape[1])[None] >= len(prompt)
        shares = self._loaded.model.frame_attention(input_ids, is_answer, media)[0].tolist()
        return tuple(
            Glance(float(seconds), share)
            for seconds, share in zip(opened.visual.times_seconds, shares, strict=True)
        )


def _tell(text: str, told: TellText) -> str:
    told(text)
    return text


def _key_of(media: Path) -> object:
    """Name a file by its place and its last change."""
    try:
        status = media.stat()
    except (OSError, ValueError):  # opening it will say what is wrong
        return str(media)
    return str(media.resolve()), status.st_mtime_ns, status.st_size


def _find_own_folder(loaded: LoadedModel) -> Path | None:
    try:
        return find_folder(loaded.name)
    except BadModel:  # made in this process, and never saved
        return None


def _validation_of_facts(annotation: Annotation) -> dict[str, Validated]:
    """Return on what media the facts themselves are validated, by name."""
    from lineament.faces.validation import validated_by_measurement

    names = {fact.name for fact in annotation.facts} | set(annotation.closed)
    return {name: validated_by_measurement(name) for name in names}
