"""The report of a checked text: every claim coloured, with the moment that decides it."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from lineament.annotation import Annotation
from lineament.claims.check import Checked, CheckedClaim
from lineament.claims.scenes_check import choose_objects
from lineament.claims.scenes_conclusions import COMPARISONS
from lineament.claims.scenes_objects import RELATIONS, is_scene, read_scene
from lineament.claims.scenes_say import say_scene_claim
from lineament.describe.evidence import Evidence
from lineament.describe.page import words
from lineament.describe.scene_page import objects_html
from lineament.report import (
    FACES_FOOTER,
    SCENES_FOOTER,
    Page,
    Section,
    picture_html,
    table_html,
    write_page,
)
from lineament.video import frames_at

MAX_MOMENTS = 8


def write_check_report(text: str, checked: Checked, evidence: Evidence, folder: Path) -> Path:
    """Write ``index.html`` into a folder."""
    footer = SCENES_FOOTER if is_scene(evidence.annotation) else FACES_FOOTER
    lead = summarise_verdicts(checked, evidence)
    page = Page(title="Claims, checked", lead=lead, footer=footer)
    page.sections.append(Section("The text", f'<p class="claims">{colour_html(text, checked)}</p>'))
    rows = [
        (claim.claim.text, say_claim(claim), claim.verdict, claim.evidence)
        for claim in checked.claims
    ]
    headings = ("words", "claim", "verdict", "evidence")
    page.sections.append(Section("Claim by claim", table_html(headings, rows)))
    if evidence.clip is not None and is_scene(evidence.annotation):
        ids = find_object_ids(checked, evidence.annotation)
        marked = objects_html(evidence.annotation, evidence.clip, "what the evidence names", ids)
        page.sections.append(Section("The objects that decide", marked))
    moments = _moments_html(checked, evidence)
    if moments:
        page.sections.append(Section("The moments that decide", moments))
    return write_page(folder / "index.html", page)


def summarise_verdicts(checked: Checked, evidence: Evidence) -> str:
    """Return one line: how many claims of each verdict, against what."""
    counts = count_verdicts(checked)
    named = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    media = f" against {Path(evidence.annotation.media).name}" if evidence.annotation.media else ""
    return f"{len(checked.claims)} claims{media}: {named}."


def count_verdicts(checked: Checked) -> dict[str, int]:
    """Count the claims of each verdict."""
    return {
        "supported": checked.supported,
        "contradicted": checked.contradicted,
        "unknown": checked.unknown,
    }


def dict_from_checked(checked: Checked, media: str) -> dict[str, Any]:
    """Return verdicts in the JSON shape of ``lineament check``, which the server gives, too."""
    claims = [
        {
            "text": row.claim.text,
            "name": row.claim.name,
            "subject": row.claim.subject,
            "value": row.claim.value,
            "negated": row.claim.negated,
            "hedged": row.claim.hedged,
            "start": row.claim.start,
            "stop": row.claim.stop,
            "span_seconds": row.claim.span_seconds,
            "verdict": row.verdict,
            "evidence": {
                "says": row.evidence,
                "fact": row.fact.to_dict() | {"subject": row.fact.subject} if row.fact else None,
            },
        }
        for row in checked.claims
    ]
    return {"media": media, "claims": claims, **count_verdicts(checked)}


def split_by_claims(text: str, checked: Checked) -> list[tuple[str, CheckedClaim | None]]:
    """Cut the text into pieces, each with the claim it carries or none.

    Where claims share words, the first worse verdict takes them: contradicted before unknown
    before supported.
    """
    order = {"contradicted": 0, "unknown": 1, "supported": 2}
    owner: list[CheckedClaim | None] = [None] * len(text)
    for claim in sorted(checked.claims, key=lambda c: -order[c.verdict]):
        for place in range(claim.claim.start, min(claim.claim.stop, len(text))):
            owner[place] = claim
    pieces: list[tuple[str, CheckedClaim | None]] = []
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or owner[place] is not owner[start]:
            pieces.append((text[start:place], owner[start]))
            start = place
    return pieces


def colour_html(text: str, checked: Checked) -> str:
    """Return the text with its claims marked by verdict."""
    parts = []
    for piece, claim in split_by_claims(text, checked):
        if claim is None:
            parts.append(escape(piece))
        else:
            title = escape(f"{say_claim(claim)}: {claim.verdict}. {claim.evidence}")
            parts.append(
                f'<span class="claim {claim.verdict}" title="{title}">{escape(piece)}</span>'
            )
    return "".join(parts)


def say_claim(claim: CheckedClaim) -> str:
    """Return the claim in the vocabulary's words: ``no hat``, ``age 30 to 40``."""
    read = claim.claim
    name = words(read.name)
    if scene_said := say_scene_claim(read):
        said = scene_said
    elif read.value is True:
        said = name
    elif read.value is False:
        said = f"no {name}"
    elif isinstance(read.value, tuple):
        said = f"{name} {say_range(*read.value)}"
    else:
        said = f"{name} {'not ' if read.negated else ''}{read.value}"
    if read.span_seconds:
        low, high = (("..." if end is None else f"{end:g}") for end in read.span_seconds)
        said += f", {low} to {high} s"
    return f"{said} (said with reserve)" if read.hedged else said


def say_range(low: float | None, high: float | None) -> str:
    """Return a half-open range as a person says it: ``2``, ``30 to 39``, ``45 or more``."""
    if low is None or high is None:
        return f"less than {high:g}" if high is not None else f"{low or 0:g} or more"
    if float(low).is_integer() and float(high).is_integer():
        return f"{low:g}" if high - low <= 1 else f"{low:g} to {high - 1:g}"
    return f"{low:g} to {high:g}"


def find_object_ids(checked: Checked, annotation: Annotation) -> frozenset[str]:
    """Return the objects that claims name, at both ends of a relation, and those that decide."""
    scene = read_scene(annotation)
    ids = {row.fact.subject for row in checked.claims if row.fact}
    for row in checked.claims:
        pairs = row.claim.name in (*RELATIONS, *COMPARISONS)
        for who in (row.claim.subject, *([str(row.claim.value)] if pairs else [])):
            chosen = choose_objects(who, scene) if who else None
            if chosen is not None:
                ids |= {found.id for found in chosen[0]}
    return frozenset(ids)


def _moments_html(checked: Checked, evidence: Evidence) -> str:
    if evidence.clip is None or evidence.clip.is_picture:
        return ""
    figures = []
    for claim in checked.claims:
        span = claim.fact.span_seconds if claim.fact else None
        if span is None or len(figures) == MAX_MOMENTS:
            continue
        middle = float(np.mean(span))
        frame = frames_at(evidence.clip, [middle]).pixels[0]
        caption = f"{say_claim(claim)}: {claim.verdict}, at {middle:.2f} s"
        figures.append(picture_html(frame, caption))
    return f'<div class="frames">{"".join(figures)}</div>' if figures else ""
