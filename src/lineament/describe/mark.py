"""Drawn pictures say so: a machine-readable mark in the file, and one to be seen if wanted."""

import io
import os
import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8

from lineament.errors import BadInput

Origin = Literal["drawn", "edited"]
# IPTC's digital source types: https://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE_TYPES = {
    "drawn": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    "edited": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
}
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
QUALITY = 92  # of JPEG and WebP
VISIBLE_TEXT = "drawn by a model"
_XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    Iptc4xmpExt:DigitalSourceType="{source_type}"
    xmp:CreatorTool="Lineament"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
_JPEG_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\x00"
# As an attribute, or as an element, as other programs write it back.
_SOURCE_TYPE = re.compile(
    rb"DigitalSourceType(?:\s*=\s*[\"']|>)\s*https?(://cv\.iptc\.org/newscodes/digitalsourcetype/\w+)"
)


def check_suffix(path: Path) -> None:
    """Refuse files that cannot carry the mark.

    Raises:
        BadInput: Naming the file.
    """
    if path.suffix.lower() not in FORMATS:
        raise BadInput(
            f"{path}: pictures are written as {', '.join(FORMATS)}, which carry the mark",
            hint="--out face.png",
        )


def check_place(path: Path) -> None:
    """Refuse what cannot be written, and pictures that no model made: they would be lost.

    Raises:
        BadInput: Naming the file or folder.
    """
    if path.is_dir():
        raise BadInput(f"{path}: is a folder", hint=f"--out {path / 'face.png'}")
    check_suffix(path)
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise BadInput(f"{path}: {folder} is a file, not a folder", hint="choose another folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{path}: nothing may be written to {folder}", hint="choose another folder")
    if path.exists() and read_source_type(path) is None:
        raise BadInput(
            f"{path}: is there already, and no model drew it",
            hint="choose another name; only drawn files are written over",
        )


def write_marked(
    path: Path,
    pixels: UInt8[np.ndarray, "height width 3"],
    *,
    origin: Origin = "drawn",
    is_visible: bool = False,
) -> Path:
    """Write a picture with IPTC's digital source type in its XMP, and in PNG also as text.

    Raises:
        BadInput: The file's kind cannot carry the mark.
    """
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    check_suffix(path)
    image = Image.fromarray(draw_visible_mark(pixels) if is_visible else pixels)
    xmp = _XMP.format(source_type=SOURCE_TYPES[origin])
    kind = FORMATS[path.suffix.lower()]
    options: dict[str, Any]
    if kind == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        info.add_text("DigitalSourceType", SOURCE_TYPES[origin])
        info.add_text("Software", "Lineament")
        options = {"pnginfo": info}
    elif kind == "WEBP":
        options = {"quality": QUALITY, "xmp": xmp.encode()}
    else:
        segment = _JPEG_XMP_HEAD + xmp.encode()
        marker = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
        options = {"quality": QUALITY, "subsampling": 0, "extra": marker}
    content = io.BytesIO()
    image.save(content, kind, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())
    return path


def read_source_type(path: Path) -> str | None:
    """Return the digital source type a picture's metadata state, or None."""
    match = _SOURCE_TYPE.search(path.read_bytes())
    stated = "" if match is None else "http" + match[1].decode()
    return stated if stated in SOURCE_TYPES.values() else None


def draw_visible_mark(
    pixels: UInt8[np.ndarray, "height width 3"],
) -> UInt8[np.ndarray, "height width 3"]:
    """Write a small line into the lower left corner of a copy."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(pixels).convert("RGB")
    draw = ImageDraw.Draw(image)
    size = max(8, image.height // 14)
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((0, 0), VISIBLE_TEXT, font=font)
    x, y = 2, image.height - (bottom - top) - 4
    draw.rectangle((0, y - 2, x + right - left + 2, image.height), fill=(0, 0, 0))
    draw.text((x - left, y - top), VISIBLE_TEXT, font=font, fill=(255, 255, 255))
    return np.asarray(image).copy()
