"""``lineament chat``: answers about a clip or picture, with evidence."""

import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from lineament.cli.progress import show_progress
from lineament.errors import BadInput, MissingExtra

if TYPE_CHECKING:
    from lineament.annotation import Fact
    from lineament.describe.annotate import AnnotatedClip
    from lineament.describe.answer import Answer
    from lineament.describe.chat import Chat

DEFAULT_MODEL = "chat-tiny"
MAX_SHOWN_FACTS = 6
SMALL_MODEL = 100_000_000  # weights
NOTES = {
    "rendered": "measured on rendered media only",
    "none": "not measured on real media",
}


def chat(
    media: Annotated[Path, typer.Argument(help="A clip or a picture.")],
    questions: Annotated[
        list[str] | None,
        typer.Argument(help="Questions to ask; without any, a conversation starts."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="Name of an installed model, or a model folder.")
    ] = DEFAULT_MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    all_facts: Annotated[
        bool,
        typer.Option("--all-facts", help="Also say what has not been measured on real media."),
    ] = False,
    answerer: Annotated[
        str,
        typer.Option(
            "--answerer",
            help="Who answers: model, rule (landmarks only) or blind (the model, pictures hidden).",
        ),
    ] = "model",
) -> None:
    """Ask about the face in a clip or picture, or about a scene.

    A scene is an aerial picture with an annotation beside it, or one that --model can see.
    Questions about a scene in which no face is found go to scene-tiny, where it is installed.
    """
    asked = questions or []
    if as_json and not asked:
        raise BadInput("--json wants questions", hint='lineament chat clip.mp4 "Is he smiling?"')
    chat = open_chat(media, model, answerer, asked)
    if as_json:
        for question in asked:
            _refuse_empty(question, chat)
        answers = [chat.ask(media, question, all_facts=all_facts) for question in asked]
        row = {
            "media": str(media),
            "model": chat.name,
            "answers": [answer.to_dict() for answer in answers],
        }
        print(json.dumps(row))
    elif asked:
        for question in asked:
            _refuse_empty(question, chat)
            if len(asked) > 1:
                Console().print(f"[bold]{escape(question)}[/bold]", highlight=False)
            tell_answer(chat, media, question, all_facts=all_facts)
    else:
        converse(chat, media, all_facts=all_facts)


def _refuse_empty(question: str, chat: Any) -> None:
    """Refuse a question of blanks, with an example of what this chat can be asked."""
    if not question.strip():
        example = getattr(chat, "example", "Is he smiling?")
        raise BadInput("a question is empty", hint=f'ask something, such as "{example}"')


def open_chat(media: Path, model: str, answerer: str, questions: Sequence[str] = ()) -> Any:
    """Look at the media and load the model at the same time: either takes seconds.

    Aerial pictures have a chat of their own: known by the annotation beside them, by the model, or
    by questions about a scene and no face to be found.
    """
    from lineament.describe.scene_chat import asks_about_scene, find_scene_chat
    from lineament.records.sources.scenes.rasters import is_raster, open_shown
    from lineament.video import PICTURE_SUFFIXES

    # Before the file is opened: rasters of many bands or bits are for the scenes' chat alone.
    is_picture = media.suffix.lower() in PICTURE_SUFFIXES and media.is_file()
    if is_picture and (scenes := find_scene_chat(media, model, answerer)) is not None:
        return scenes
    clip = open_shown(media)
    is_about_scene = False
    if clip.is_picture:
        is_default = model == DEFAULT_MODEL and answerer == "model"
        is_about_scene = is_default and any(map(asks_about_scene, questions))
    if is_about_scene and is_raster(media) and (scenes := _load_scene_chat(media)) is not None:
        return scenes  # pictures of faces have no such bands
    with (
        show_progress(f"Looking at {media.name}", clip.duration_seconds) as advance,
        ThreadPoolExecutor(1) as pool,
    ):
        looking = pool.submit(_look, media, advance)
        is_bare = is_about_scene and not looking.result().annotation.subjects
        if is_bare and (scenes := _load_scene_chat(media)) is not None:
            return scenes
        chat = load_chat(model, answerer)
        chat.open(media, looking.result())
    return chat


def _load_scene_chat(media: Path) -> Any:
    """Return a model's chat about a bare scene, and say so; None where none is installed."""
    from lineament.describe.scene_chat import SCENE_MODEL, find_scene_chat
    from lineament.errors import BadModel

    try:
        scenes = find_scene_chat(media, SCENE_MODEL)
    except BadModel:
        return None
    told = f"{media.name}: no face in it; {SCENE_MODEL} answers (--model names another)"
    print(told, file=sys.stderr)
    return scenes


def load_chat(model: str, answerer: str) -> "Chat":
    """Load a model to chat with.

    Raises:
        BadModel: There is no such model, or it is damaged.
        MissingExtra: torch or transformers is not installed.
    """
    try:
        from lineament.describe.chat import Chat
        from lineament.model.kind import DRAWING_KIND, find_kind
    except ModuleNotFoundError as error:
        if error.name in ("torch", "transformers", "safetensors"):
            raise MissingExtra(error.name, "model") from None
        raise
    chat: Any
    if answerer == "model" and find_kind(model) == DRAWING_KIND:
        from lineament.describe.drawing_chat import DrawingChat

        chat = DrawingChat(model)
    else:
        chat = Chat(model, answerer=answerer)
    if chat.num_parameters < SMALL_MODEL:
        import torch

        # Threads that wait for each other after every small product cost more than they give,
        # and a hundred times more where the machine has other work.
        torch.set_num_threads(1)
    return chat


def _look(media: Path, advance: Callable[[float], None]) -> "AnnotatedClip":
    from lineament.describe.look import look_at_media

    return look_at_media(media, on_frame=advance)


def converse(chat: "Chat", media: Path, *, all_facts: bool) -> None:
    """Answer questions until ``exit`` or the end of the input."""
    is_watched = sys.stdin.isatty()
    if is_watched:
        print("Ask about what is shown; exit ends.", file=sys.stderr)
    history: list[tuple[str, str]] = []
    while True:
        if is_watched:
            print("> ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        question = line.strip()
        if not line or question.lower() in ("exit", "quit"):
            return
        if not question:
            continue
        try:
            answer = tell_answer(chat, media, question, history, all_facts=all_facts)
        except BadInput as error:  # this question is at fault, not the conversation
            print(f"error: {error.message}\nhint: {error.hint}", file=sys.stderr)
            continue
        history.append((question, str(answer)))


def tell_answer(
    chat: "Chat",
    media: Path,
    question: str,
    history: list[tuple[str, str]] | None = None,
    *,
    all_facts: bool,
) -> "Answer":
    """Print an answer while it comes, and what it rests on below."""

    def tell(text: str) -> None:
        print(text, end="", flush=True)

    answer = chat.ask(media, question, history, all_facts=all_facts, on_text=tell)
    print()
    console = Console()
    for line in describe_evidence(answer, known=name_known(chat, media)):
        console.print(f"  [dim]{escape(line)}[/dim]", highlight=False, soft_wrap=True)
    return answer


def name_known(chat: Any, media: Path) -> str:
    """Name what answers are held against: an annotation of a scene, or landmarks of a face."""
    from lineament.describe.refusals import media_word
    from lineament.describe.scene_chat import SceneChat

    if isinstance(chat, SceneChat):
        return "annotation of this scene says"
    return f"landmarks of this {media_word(chat.open(media).annotation)} say"


def describe_evidence(answer: "Answer", known: str = "landmarks say") -> list[str]:
    """Return the lines below an answer: facts with times, attention, and what to doubt.

    Args:
        answer: With its evidence.
        known: What its claims were checked against, with a verb.
    """
    lines = [say_fact(fact) for fact in answer.facts[:MAX_SHOWN_FACTS]]
    if len(answer.facts) > MAX_SHOWN_FACTS:
        num_more = len(answer.facts) - MAX_SHOWN_FACTS
        lines.append(f"... and {num_more} more fact{'' if num_more == 1 else 's'}")
    if any(row.verdict == "contradicted" for row in answer.claims):
        lines.append(f"the {known} otherwise")
    if len(answer.attention) > 1:
        most = max(answer.attention, key=lambda glance: glance.share)
        lines.append(f"looked most at {most.time_seconds:.1f} s ({most.share:.0%})")
    if answer.num_left_out:
        noun = "sentence" if answer.num_left_out == 1 else "sentences"
        lines.append(f"{answer.num_left_out} {noun} left out, {NOTES['none']} (see --all-facts)")
    if answer.num_denied:
        noun = "sentence" if answer.num_denied == 1 else "sentences"
        lines.append(f"{answer.num_denied} {noun} left out, denied when asked outright")
    if answer.claims and answer.validated in NOTES:
        lines.append(f"answers of this kind: {NOTES[answer.validated]}")
    if answer.source == "rule":
        lines.append("answered by rule")
    return lines


def say_fact(fact: "Fact") -> str:
    """Return a fact in one line, with its time and source."""
    name = fact.name.replace("_", " ")
    said = name if fact.value is True else f"no {name}" if fact.value is False else ""
    said = said or f"{name} {fact.value}"
    when = ""
    if fact.span_seconds:
        when = f", {fact.span_seconds[0]:.2f} to {fact.span_seconds[1]:.2f} s"
    return f"{fact.subject}: {said}{when} ({fact.source})"
