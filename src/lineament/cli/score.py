"""``lineament score``: anybody's predictions scored, with intervals."""

import enum
import json
from pathlib import Path
from typing import Annotated

import typer


class Kind(enum.StrEnum):
    """What the predictions are."""

    CAPTIONS = "captions"
    VQA = "vqa"
    GROUNDING = "grounding"
    CLASSES = "classes"
    CLAIMS = "claims"


class Normalise(enum.StrEnum):
    """How captions are split into words."""

    PLAIN = "plain"
    JOINED = "joined"
    LOWER = "lower"
    RAW = "raw"


def score(
    kind: Annotated[Kind, typer.Argument(help="Kind of predictions.")],
    file: Annotated[Path, typer.Argument(help="JSON Lines, one prediction per line.")],
    normalise: Annotated[
        Normalise,
        typer.Option(
            help="How captions become words. plain: lower case, punctuation becomes a space; "
            "joined: punctuation vanishes; lower: lower case only; raw: split at spaces."
        ),
    ] = Normalise.PLAIN,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Score a file of predictions, with 95 % intervals."""
    from lineament.cli.evaluate import print_result
    from lineament.evaluation.scorers import score_file

    result = score_file(file, kind.value, normalise=normalise.value)
    if as_json:
        print(json.dumps(result.to_dict()))
    else:
        print_result(result)
