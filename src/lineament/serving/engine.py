"""The engine: questions, looks and drawings of many clients, in turn and together; no HTTP."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from lineament.annotation import Annotation
from lineament.claims.check import Checked
from lineament.claims.scenes_check import check_any_text
from lineament.describe.chat import Answerer, Chat, OpenedMedia
from lineament.errors import BadInput
from lineament.model.drafting import DraftTable, NgramDrafter
from lineament.model.hub import LoadedModel, find_folder
from lineament.serving.admission import Admission
from lineament.serving.answering import Reply, Wish, answer_wish
from lineament.serving.artist import Artist, Drawing, DrawingWish
from lineament.serving.decoding import JointDecoder
from lineament.serving.lane import PASSED_ON, Lane
from lineament.serving.looking import Looker, Sight, without_mesh
from lineament.serving.settings import ServeSettings
from lineament.serving.shelf import Shelf
from lineament.serving.spool import Stored
from lineament.serving.ticket import ServerStopped, TellText, Ticket

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What an engine is doing and has done, for those who watch it."""

    num_waiting: int
    num_answering: int
    num_looking: int
    num_drawing: int
    num_refused: int
    num_passes: int
    num_rows: int
    num_said_tokens: int
    num_prompt_tokens: int
    num_reused_tokens: int
    feature_bytes: int
    feature_hits: int
    feature_misses: int
    prefix_bytes: int
    slot_bytes: int


class Engine:
    """Answer many clients at once, each as ``lineament chat`` would.

    A request waits its turn, has its media looked at unless they are known, and joins the
    answers that are being written. Whoever has many requests waits for those who have few.

    Args:
        loaded: The model that answers; None lets rules answer from landmarks.
        looker: Looks at media.
        settings: Limits.
        artist: Draws, where there is a model for it.
        name: What the answering model is called; the model's own name where left out.
    """

    def __init__(
        self,
        loaded: LoadedModel | None,
        looker: Looker,
        settings: ServeSettings | None = None,
        *,
        artist: Artist | None = None,
        name: str = "",
    ) -> None:
        self.settings = settings or ServeSettings()
        answerer: Answerer = "rule" if loaded is None else "model"
        self._chat = Chat(loaded or "rule", answerer=answerer, use_drafts=False)
        self.name = name or self._chat.name
        self.artist = artist
        self._looker = looker
        self._sight = None if loaded is None else Sight.of(loaded)
        self._has_gate = loaded is not None and bool(loaded.model.config.text_gate)
        self._decoder = None if loaded is None else self._make_decoder(loaded)
        self.shelf = Shelf(self.settings.feature_bytes)
        self._places = Admission(self.settings.max_places)
        self._easels = Admission(self.settings.max_drawing)
        self._answers = Lane("answer", self.settings.max_batch)
        self._looks = Lane("look", self.settings.num_lookers)
        self._drawings = Lane("draw", 1)
        self._is_stopped = threading.Event()

    def _make_decoder(self, loaded: LoadedModel) -> JointDecoder:
        table, placeholder = find_draft_table(loaded), loaded.processor.frame_token_id
        self._chat.decoder = None  # type: ignore[assignment] - each request brings its own
        return JointDecoder(
            loaded.model,
            stop_token_ids=[loaded.processor.end_token_id],
            max_rows=self.settings.max_batch,
            prefix_bytes=self.settings.prefix_bytes,
            make_drafter=lambda: NgramDrafter(table, ignored_ids=[placeholder]),
        )

    @property
    def is_running(self) -> bool:
        """Whether requests are taken."""
        return not self._is_stopped.is_set()

    def require_place(self, client: str) -> None:
        """Refuse a request before it is read, when there is no place for it.

        Raises:
            QueueFull: There is none.
        """
        self._places.require_room(client)

    def ask(
        self,
        wishes: Sequence[Wish],
        media: Stored | None,
        *,
        client: str = "",
        on_text: Callable[[int, str], None] | None = None,
    ) -> list[Ticket]:
        """Ask for answers about a clip or picture; each ticket's result is a `Reply`.

        Args:
            wishes: All get a place, or none does.
            media: What they are about; has to stay where it is until the tickets are done.
            client: Who asks; clients take turns.
            on_text: Called with a wish's number and each piece of its answer, from other threads.

        Raises:
            QueueFull: There are not so many places.
            ServerStopped: The engine is closed.
        """
        tells = [partial(on_text, n) if on_text else None for n in range(len(wishes))]
        tickets = self._admit(self._places, client, tells)
        for ticket, wish in zip(tickets, wishes, strict=True):
            opened = None if media is None else self.shelf.find(media.key)
            if media is not None and opened is None:
                self._looks.put(ticket, partial(self._look_first, ticket, wish, media))
            else:
                self._answers.put(ticket, partial(self._answer, ticket, wish, media, opened))
        return tickets

    def look(self, media: Stored, *, client: str = "") -> Ticket:
        """Find the faces and facts of a clip or picture; the result is an `AnnotatedClip`.

        Raises:
            QueueFull: There is no place.
            ServerStopped: The engine is closed.
        """
        [ticket] = self._admit(self._places, client, [None])
        self._looks.put(ticket, lambda: self._open(media).annotated)
        return ticket

    def check(self, text: str, against: Stored | Annotation, *, client: str = "") -> Ticket:
        """Check a text; the result is a pair of `Checked` and the annotation.

        Raises:
            QueueFull: There is no place.
            ServerStopped: The engine is closed.
        """
        [ticket] = self._admit(self._places, client, [None])
        self._looks.put(ticket, lambda: self._check(text, against))
        return ticket

    def draw(self, wish: DrawingWish, *, client: str = "") -> Ticket:
        """Draw faces; the result is a `Drawing`.

        Raises:
            BadInput: There is no model that draws.
            QueueFull: There is no place.
            ServerStopped: The engine is closed.
        """
        artist = self.artist
        if artist is None:
            raise BadInput("this server draws nothing")
        [ticket] = self._admit(self._easels, client, [None])

        def draw() -> Drawing:
            return artist.draw(wish, check=ticket.check)

        self._drawings.put(ticket, draw)
        return ticket

    def measure(self) -> EngineFigures:
        """Return what the engine is doing and has done."""
        decoder, lanes = self._decoder, (self._answers, self._looks, self._drawings)
        done = None if decoder is None else decoder.figures
        return EngineFigures(
            num_waiting=sum(lane.num_waiting for lane in lanes),
            num_answering=self._answers.num_working,
            num_looking=self._looks.num_working,
            num_drawing=self._drawings.num_working,
            num_refused=self._places.num_refused + self._easels.num_refused,
            num_passes=done.num_passes if done else 0,
            num_rows=done.num_rows if done else 0,
            num_said_tokens=done.num_said if done else 0,
            num_prompt_tokens=done.num_prompt if done else 0,
            num_reused_tokens=done.num_reused if done else 0,
            feature_bytes=self.shelf.count_bytes(),
            feature_hits=self.shelf.num_hits,
            feature_misses=self.shelf.num_misses,
            prefix_bytes=decoder.prefixes.num_bytes if decoder else 0,
            slot_bytes=decoder.count_bytes() if decoder else 0,
        )

    def close(self) -> None:
        """End everything; waiting requests are told so."""
        if self._is_stopped.is_set():
            return
        self._is_stopped.set()
        if self._decoder is not None:
            self._decoder.close()
        self._looker.close()
        for lane in (self._answers, self._looks, self._drawings):
            lane.close()

    def _admit(
        self, places: Admission, client: str, tells: Sequence[TellText | None]
    ) -> list[Ticket]:
        if self._is_stopped.is_set():
            raise ServerStopped
        places.enter(client, len(tells))
        deadline = self.settings.deadline_seconds
        tickets = [Ticket(client, deadline_seconds=deadline, on_text=on_text) for on_text in tells]
        for ticket in tickets:
            ticket.future.add_done_callback(lambda _: places.leave(client))
        return tickets

    def _look_first(self, ticket: Ticket, wish: Wish, media: Stored) -> Any:
        opened = self._open(media)
        self._answers.put(ticket, partial(self._answer, ticket, wish, media, opened))
        return PASSED_ON

    def _answer(
        self, ticket: Ticket, wish: Wish, media: Stored | None, opened: OpenedMedia | None
    ) -> Reply:
        key = "" if media is None else media.key
        reply = answer_wish(
            self._chat,
            opened,
            wish,
            ticket,
            root=key,
            decoder=self._decoder,
            has_gate=self._has_gate,
            keep=lambda: self.shelf.keep(key, opened) if opened is not None else None,
        )
        if self.settings.log_prompts:
            log.info("%s: %r -> %r", ticket.client, wish.question, str(reply.answer))
        return reply

    def _check(self, text: str, against: Stored | Annotation) -> tuple[Checked, Annotation]:
        annotation = against
        if not isinstance(annotation, Annotation):
            annotation = self._open(annotation).annotation
        return check_any_text(text, annotation), annotation

    def _open(self, media: Stored) -> OpenedMedia:
        def look() -> OpenedMedia:
            looked = self._looker.look(media.path, self._sight)
            return OpenedMedia(without_mesh(looked.annotated), looked.visual)

        return self.shelf.open(media.key, look)


def find_draft_table(loaded: LoadedModel) -> DraftTable | None:
    """Return the table of usual answers in a model's folder; None without a folder."""
    try:
        folder = find_folder(loaded.name)
    except BadInput:  # made in this process, and never saved
        return None
    return DraftTable.find(folder)
