"""``lineament eval``: a benchmark's questions asked and scored, with intervals."""

import enum
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lineament.cli.figures import print_result
from lineament.cli.progress import show_progress
from lineament.errors import BadInput

if TYPE_CHECKING:
    from lineament.evaluation.answerer import Answerer
    from lineament.evaluation.judges import EndpointJudge, Judge, RuleJudge

RESULT, PAGE = "result.json", "index.html"


class Through(enum.StrEnum):
    """What a model of ours is asked through."""

    NETWORK = "network"
    CHAT = "chat"


def evaluate(
    task: Annotated[
        str, typer.Argument(help="Name of a task, or paper:NAME; `list` lists all tasks.")
    ],
    data: Annotated[Path | None, typer.Option("--data", help="Folder of the data set.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Name or folder of a model; hf:NAME, vqa:NAME or reader:FOLDER for other kinds.",
        ),
    ] = None,
    through: Annotated[
        Through, typer.Option(help="Ask the network alone, or through chat with its rules.")
    ] = Through.NETWORK,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", help="URL of an OpenAI-compatible server.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option("--predictions", help='JSON Lines with {"id", "prediction"}.')
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the answers, result.json and a page.")
    ] = None,
    split: Annotated[str, typer.Option(help="Split or fold; default: that of the task.")] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many media of each part, always the same.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="So many media, for tasks that draw their own.")
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind", help="Also ask the model with all pictures hidden.")
    ] = False,
    random: Annotated[
        bool, typer.Option("--random", help="Also score answers drawn by chance.")
    ] = False,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="Switch off a stream: general, face or landmarks."),
    ] = None,
    phrasings: Annotated[
        bool, typer.Option("--phrasings", help="Ask in all wordings, to see how much they matter.")
    ] = False,
    frames: Annotated[
        str, typer.Option(help="Also ask with at most so many frames of each clip: 1,2,4,8.")
    ] = "",
    shuffle_frames: Annotated[
        bool,
        typer.Option("--shuffle-frames", help="Also ask with the frames of clips out of order."),
    ] = False,
    judge: Annotated[
        list[str] | None,
        typer.Option(
            "--judge",
            help="Also grade free answers: claims (a rule), or MODEL@URL of a server; given "
            "several times, also how far they agree.",
        ),
    ] = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option("--compare", help="Predictions of another system, compared item by item."),
    ] = None,
    trained_on: Annotated[
        Path | None,
        typer.Option(
            "--trained-on", help="Training manifest or built data set, to look for overlap."
        ),
    ] = None,
    items: Annotated[
        Path | None, typer.Option("--write-items", help="Only write the questions, as JSON Lines.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score a model or a predictions file on a benchmark."""
    from lineament.evaluation.tasks.table import TASKS, require_task
    from lineament.evaluation.tasks.task import Options, require_options

    if task == "list":
        for entry in TASKS.values():
            print(f"{entry.name}: {entry.about}")
        return
    if task.startswith("paper:"):
        from lineament.cli.papers import show_paper

        return show_paper(task, data, out, as_json=as_json)
    # What is wrong with the command is said before anything is read or loaded.
    counts = read_counts(frames)
    graders = open_judges(judge or [])
    peers = name_peers(compare or [])
    chosen = require_task(task)
    options = Options(split, limit, phrasings, count)
    require_options(chosen, options)
    if count is not None and chosen.needs_folder:
        raise BadInput(f"{task} draws nothing: --count is for tasks that do", hint="--limit N")
    if chosen.needs_folder and data is None:
        raise BadInput(f"{task} needs its data", hint="say where it lies: --data DIR")
    folder = data or Path()
    if items is not None:
        write_items(chosen.read_items(folder, options).items, items)
        return
    answerer, blindfold = find_answerers(
        model, predictions, endpoint, through, is_blind=blind, without=without or []
    )
    from lineament.evaluation.answerer import PredictionsFile
    from lineament.evaluation.page import write_run_page
    from lineament.evaluation.run import run_task

    others = {name: PredictionsFile(path) for name, path in peers.items()}
    with show_progress(f"Asking {answerer.name}", 1.0) as advance:
        result, found, answered = run_task(
            chosen, answerer, folder, options=options, out=out, blind=blindfold, others=others,
            manifest=trained_on, frames=counts, shuffle_frames=shuffle_frames, with_random=random,
            judge=graders[0] if graders else None, further_judges=graders[1:],
            on_item=lambda _, done, total: advance(done / total),
        )  # fmt: skip
    row = result.to_dict()
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / RESULT).write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")
        page = write_run_page(out / PAGE, result, found, answered.answers)
        Console(stderr=True).print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)
    if as_json:
        print(json.dumps(row))
    else:
        print_result(result)


def find_answerers(
    model: str | None,
    predictions: Path | None,
    endpoint: str | None,
    through: Through,
    *,
    is_blind: bool,
    without: Sequence[str] = (),
) -> "tuple[Answerer, Answerer | None]":
    """Return what answers, and its copy without sight where one is wanted.

    Raises:
        BadInput: Not exactly one of the two is given, a file cannot be blinded, or streams are
            to be switched off that are out of reach.
    """
    from lineament.evaluation.foreign_open import is_foreign, open_endpoint, open_foreign

    if model is not None and is_foreign(model) and endpoint is None:
        if predictions is not None or through is Through.CHAT:
            raise BadInput(f"{model} is asked by itself", hint="give --model alone")
        return open_foreign(model, is_blind=is_blind, without=without)
    is_network = model is not None and endpoint is None and through is Through.NETWORK
    if without and not is_network:
        raise BadInput("--without needs a model of ours, asked as a network alone")
    if (model is None) == (predictions is None):
        raise BadInput(
            "expected either --model or --predictions", hint="--model NAME, or --predictions FILE"
        )
    if predictions is not None:
        from lineament.evaluation.answerer import PredictionsFile

        if is_blind:
            raise BadInput("a predictions file cannot be asked blind", hint="use --compare FILE")
        return PredictionsFile(predictions), None
    assert model is not None
    if endpoint is not None:
        return open_endpoint(endpoint, model, is_blind=is_blind)
    if through is Through.CHAT:
        from lineament.evaluation.served import open_chat

        return open_chat(model), open_chat(model, is_blind=True) if is_blind else None
    from lineament.evaluation.loaded import open_model

    return open_model(model, is_blind=is_blind, without=without)


def read_counts(text: str) -> tuple[int, ...]:
    """Read ``1,2,4,8``.

    Raises:
        BadInput: A part is no whole number of 1 and more.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not part.isdecimal() or int(part) < 1:
            raise BadInput(f"--frames: {part!r} is no number of frames", hint="--frames 1,2,4,8")
    return tuple(sorted({int(part) for part in parts}))


def name_peers(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the files to compare with by the names under which they stand in the result.

    Raises:
        BadInput: Two have one name, or one has that of the answers drawn by chance.
    """
    from lineament.evaluation.tasks.chance import Chance

    peers: dict[str, Path] = {}
    for path in paths:
        if path.stem in peers or path.stem == Chance.name:
            raise BadInput(
                f"--compare: a peer called {path.stem!r} is there already",
                hint="give the file another name, which stands in the result",
            )
        peers[path.stem] = path
    return peers


def open_judges(names: Sequence[str]) -> "list[Judge]":
    """Return the judges in the order given; two of one model are told apart by their servers.

    Raises:
        BadInput: A name is no judge, or is given twice.
    """
    judges = [open_judge(name) for name in names]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(f"--judge: {name} is given twice", hint="leave out one of them")
    called = [judge.name for judge in judges]
    for name, judge in zip(names, judges, strict=True):
        if called.count(judge.name) > 1:
            judge.name = name
    return list(judges)


def open_judge(name: str) -> "EndpointJudge | RuleJudge":
    """Return the judge by rules, or one behind a server; its key is read as for ``--endpoint``.

    Raises:
        BadInput: The name is neither.
    """
    from lineament.endpoint import Settings
    from lineament.evaluation.judges import EndpointJudge, RuleJudge

    if name == RuleJudge.name:
        return RuleJudge()
    model, _, url = name.partition("@")
    if not model or not url.startswith(("http://", "https://")):
        raise BadInput(
            f"--judge: {name!r} is no judge",
            hint="claims, or MODEL@URL such as gpt-4o@https://api.openai.com/v1",
        )
    return EndpointJudge(Settings(url, model, os.environ.get("OPENAI_API_KEY", "")))


def write_items(items: object, path: Path) -> None:
    """Write questions without their truth, for models that are asked elsewhere."""
    from lineament.evaluation.item import Item

    assert isinstance(items, tuple)
    with path.open("w", encoding="utf-8") as file:
        for item in items:
            assert isinstance(item, Item)
            row = {"id": item.id, "media": item.media, "question": item.question}
            if item.options:
                row["options"] = list(item.options)  # type: ignore[assignment]
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
