"""``lineament check``: every claim of a text supported, contradicted or unknown."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lineament.errors import BadInput

if TYPE_CHECKING:
    from lineament.annotation import Annotation
    from lineament.claims.check import Checked

COLOURS = {"supported": "green", "contradicted": "red", "unknown": "yellow"}
MAX_TEXT_BYTES = 1_000_000


def check(
    text: Annotated[str, typer.Argument(help="English text, or a file with such text.")],
    against: Annotated[
        Path, typer.Option("--against", help="A clip, a picture, or an annotation file.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write an HTML page into this folder.")
    ] = None,
    model: Annotated[
        str, typer.Option("--model", help="Model of aerial scenes that looks at the picture.")
    ] = "",
) -> None:
    """Check the claims of a text against a clip, picture or annotation.

    Each claim is supported, contradicted or unknown. What the vocabulary does not name is skipped.
    """
    from lineament.claims.scenes_check import check_any_text
    from lineament.describe.evidence import find_evidence

    words = read_text(text)
    if model:
        from lineament.describe.evidence import Evidence
        from lineament.describe.scene_model import look_by_model

        looked = look_by_model(model, against)
        evidence = Evidence(looked.annotation, looked.followed.clip)
    else:
        evidence = find_evidence(against)
    checked = check_any_text(words, evidence.annotation)
    if hint := find_scene_hint(words, evidence.annotation):
        print(f"hint: {hint}", file=sys.stderr)
    if report is not None:
        from lineament.describe.verdicts import write_check_report

        path = write_check_report(words, checked, evidence, report)
        Console(stderr=True).print(f"report: {path}", highlight=False, soft_wrap=True)
    if as_json:
        from lineament.describe.verdicts import dict_from_checked

        print(json.dumps(dict_from_checked(checked, evidence.annotation.media or str(against))))
    else:
        print_checked(words, checked)


def find_scene_hint(text: str, annotation: "Annotation") -> str:
    """Return what to do where a text speaks of a scene and the media are not known as one."""
    from lineament.claims.scenes_objects import is_scene
    from lineament.claims.scenes_read import read_scene_claims

    if is_scene(annotation) or annotation.subjects:
        return ""
    if not any(claim.subject for claim in read_scene_claims(text)):
        return ""
    return (
        "this text speaks of an aerial scene, of which nothing is known here; put its annotation "
        "beside the picture (scene.json for scene.png), or name a model of scenes: --model"
    )


def read_text(text: str) -> str:
    """Return the text itself, or what the file of that name holds.

    Raises:
        BadInput: There is no text, or the file is none.
    """
    path = Path(text)
    is_file = len(text) < 1024 and "\n" not in text and path.is_file()
    if not is_file:
        if not text.strip():
            raise BadInput("the text is empty", hint='lineament check "She smiles." --against ...')
        if path.suffix.lower() in (".txt", ".md") and " " not in text:
            raise BadInput(f"{text}: no such file", hint="check the path")
        return text
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise BadInput(f"{path}: longer than {MAX_TEXT_BYTES:,} bytes", hint="cut it into parts")
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from None
    if not content.strip():
        raise BadInput(f"{path}: the file is empty")
    return content


def print_checked(text: str, checked: "Checked") -> None:
    """Print the text with its claims coloured, and the evidence below."""
    from lineament.describe.verdicts import count_verdicts, say_claim, split_by_claims

    console = Console()
    coloured = Text()
    for piece, claim in split_by_claims(text.strip("\n"), checked):
        coloured.append(piece, style=f"bold {COLOURS[claim.verdict]}" if claim else "")
    console.print(coloured)
    console.print()
    if not checked.claims:
        console.print("No claim of the vocabulary is made in this text.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("verdict", "claim", "evidence"):
        table.add_column(heading)
    for claim in checked.claims:
        verdict = Text(claim.verdict, style=COLOURS[claim.verdict])
        table.add_row(verdict, say_claim(claim), claim.evidence)
    console.print(table)
    counts = ", ".join(f"{number} {verdict}" for verdict, number in count_verdicts(checked).items())
    console.print(f"\n{counts}")
