"""All commands, and how errors reach a person."""

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from lineament.cli import (
    annotate,
    build,
    chat,
    check,
    convert,
    data,
    evaluate,
    generate,
    render,
    score,
    serve,
    train,
)
from lineament.errors import LineamentError

# The error that a wrong command line raises; newer typers carry click inside themselves.
UsageError: Any = typer.BadParameter.__bases__[0]
GO_ON = ("annotate", "build", "eval")  # commands that keep what they have done


class _Commands(TyperGroup):
    """Commands whose interrupt reaches `run`; typer by itself leaves without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Abort from None


app = typer.Typer(
    cls=_Commands,
    name="lineament",
    help="Describe, check and draw fine detail in faces and aerial scenes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("annotate")(annotate.annotate)
app.command("build")(build.build)
app.command("chat")(chat.chat)
app.command("check")(check.check)
app.command("convert")(convert.convert)
app.add_typer(data.app, name="data")
app.command("eval")(evaluate.evaluate)
app.command("score")(score.score)
app.command("generate")(generate.generate)
app.command("render")(render.render)
app.command("serve")(serve.serve)
app.command("train")(train.train)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    shown = list(arguments) or ["--help"]
    try:
        return app(args=shown, prog_name="lineament", standalone_mode=False) or 0
    except LineamentError as error:
        return _fail(error.message, error.hint)
    except UsageError as error:
        return _fail(
            _lower_first(error.format_message()), "lineament --help lists the commands and options"
        )
    except (typer.Abort, KeyboardInterrupt):
        goes_on = shown[0] in GO_ON
        hint = "run the same command again to go on" if goes_on else ""
        return _fail("stopped", hint, code=130)
    except typer.Exit as error:
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output went away (`| head`): leave quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a report or store that cannot be written, a full disk
        where = f"{error.filename}: " if error.filename else ""
        reason = (error.strerror or str(error)).lower()
        return _fail(f"{where}{reason}", "check the path and the space left")


def _lower_first(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")


def _fail(message: str, hint: str, *, code: int = 2) -> int:
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return code
