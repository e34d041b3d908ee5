"""Drawn pictures say so: a machine-readable mark in the file, and one to be seen if wanted."""

import io
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from lineament.errors import BadInput

Origin = Literal["drawn", "edited"]
# IPTC's digital source types: https://cv.iptc.org/newscodes/digitalsourcetype/
SOURCE_TYPES = {
    "drawn": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    "edited": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
}
SUFFIXES = (".png", ".jpg", ".jpeg")
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


def check_suffix(path: Path) -> None:
    """Refuse files that cannot carry the mark.

    Raises:
        BadInput: Naming the file.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BadInput(
            f"{path}: pictures are written as {', '.join(SUFFIXES)}, which carry the mark",
            hint="--out face.png",
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
    content = io.BytesIO()
    if path.suffix.lower() == ".png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp)
        info.add_text("DigitalSourceType", SOURCE_TYPES[origin])
        info.add_text("Software", "Lineament")
        image.save(content, "PNG", pnginfo=info)
    else:
        segment = _JPEG_XMP_HEAD + xmp.encode()
        marker = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
        image.save(content, "JPEG", quality=92, subsampling=0, extra=marker)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())
    return path


def read_source_type(path: Path) -> str | None:
    """Return the digital source type a picture's metadata state, or None."""
    content = path.read_bytes()
    for source_type in SOURCE_TYPES.values():
        if f'DigitalSourceType="{source_type}"'.encode() in content:
            return source_type
    return None


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
