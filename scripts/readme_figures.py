"""The figures the README shows, out of benchmarks/results, with what they are compared with."""

import json
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"


def read_result(name: str) -> dict | None:
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def write_figures() -> str:
    """The few figures the README shows; all stand in benchmarks/RESULTS.md."""
    parts = [
        "**Landmarks, reader and renderer** (no trained model)\n",
        write_rows(("what", "figure", "measured on"), plain_rows()),
    ]
    if rows := chat_rows():
        heads = ("asked in words", "`chat-tiny`", "prior", "blind", "plain classifier", "items")
        parts += ["\n**`chat-tiny`**, balanced accuracy [95 %]\n", write_rows(heads, rows)]
    return "\n".join(parts)


def write_rows(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def plain_rows() -> list[tuple[str, str, str]]:
    """Figures of what needs no trained model."""
    rows: list[tuple[str, str, str]] = []
    if events := read_result("events"):
        total, smile = events["all"], events["kinds"]["smile"]
        rows.append(
            ("timed events on real clips against events marked by eye: F1 at IoU 0.3",
             f"{total['f1']}; smiles: {smile['hits']} found, {smile['alarms']} false alarms",
             f"{events['marked']} events, {events['clips']} clips")
        )  # fmt: skip
    if rendered := read_result("rendered"):
        kinds = [rendered["actions"][kind] for kind in ("blink", "open_mouth", "turn")]
        drawn, found, alarms = (
            sum(row[key] for row in kinds) for key in ("drawn", "recovered", "alarms")
        )
        rows.append(
            ("blinks, mouth openings and turns of drawn clips found again by `annotate`",
             f"{found} of {drawn}, and {alarms} false alarms", f"{rendered['clips']} clips")
        )  # fmt: skip
    if reader := read_result("reader"):
        for name, which in (("sentences", "first set"), ("sentences_fresh", "second set")):
            if row := reader.get(name):
                rows.append(
                    (f"claims read from sentences judged by others, {which}: precision, recall",
                     f"{row['precision']:.3f}, {row['recall']:.3f}",
                     f"{row['sentences']} sentences, {row['claims']} claims")
                )  # fmt: skip
    if captions := read_result("captions"):
        rows.append(
            ("claims read from captions written by others: precision, recall",
             f"{captions['precision']:.3f}, {captions['recall']:.3f}",
             f"{captions['captions']} captions, {captions['claims']} claims")
        )  # fmt: skip
    if reader:
        planted = reader["contradictions"]
        rows.append(
            ("planted contradictions found by `check`; true statements called wrong",
             f"{planted['found'] / planted['planted']:.3f}; {planted['wronged']}",
             f"{planted['planted']} planted, {planted['true_statements']} true")
        )  # fmt: skip
    if rendered:
        rows.append(
            ("rendered faces found; landmark error over eye distance",
             f"{rendered['found']:.3f}; {rendered['landmark_error']:.3f}",
             f"{rendered['pictures']} pictures")
        )  # fmt: skip
    if drawing := read_result("render_speed"):
        rows.append(
            ("shaded frames drawn a second at 128 px on one core, set-up included",
             str(drawing["shaded 128 px"]["frames_per_second"]), f"{drawing['clips']} clips")
        )  # fmt: skip
    if speed := read_result("annotate_speed"):
        ratio = speed["times_faster"]
        rows.append(
            ("speed of `annotate` over a plain loop in one process, in two",
             f"{ratio['loop, 1 process, 1 face']:.2f}x, {ratio['loop, 2 processes, 1 face']:.2f}x",
             f"a clip of {speed['clip_seconds']:.0f} s, {speed['runs']} runs")
        )  # fmt: skip
    return rows


CHAT_ROWS = {
    "ten attributes on FFHQ, their mean": "ffhq/balanced_accuracy",
    "of these, wearing a hat": "ffhq/wearing_hat",
    "apparent sex on FairFace": "fairface/male",
    "age within one group on FairFace, mean over groups": "fairface/age_within_one_balanced",
    "happy or neutral on LFW": "lfw/happy",
    "smiling on the London portraits": "london/smile",
}  # fmt: skip


def chat_rows() -> list[tuple[str, ...]]:
    """Figures of chat-tiny with every baseline beside them, weak ones included."""
    rows: list[tuple[str, ...]] = []
    chat = read_result("chat_tiny") or {}
    real, plain = chat.get("real pictures", {}), chat.get("against classifier", {})
    for title, name in CHAT_ROWS.items() if real else ():
        row = real[name]
        figure, _, items = row["model"].partition("], ")
        beside = plain.get(name, "–").partition(" ")[0]
        rows.append((title, f"{figure}]", f"{row['prior']}", f"{row['blind']}", beside, items))
    if drawn := chat.get("rendered clips", {}).get("balanced_accuracy"):
        figure, _, items = drawn["model"].partition("], ")
        title = "every attribute and action of drawn clips"
        rows.append((title, f"{figure}]", f"{drawn['prior']}", f"{drawn['blind']}", "–", items))
    if forty := read_result("forty_questions"):
        right = forty["right of 40"]
        rows.append(
            ("ten questions about each of four faces, right by a key written beforehand",
             f"{right['model']} of 40", "–", f"{right['blind']}", "–", "2 clips, 2 pictures")
        )  # fmt: skip
    return rows
