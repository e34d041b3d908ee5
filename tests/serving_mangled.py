"""Mangled media: clips and pictures with flipped bits, missing ends and lies about their size."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import Any

import av
import numpy as np
from PIL import Image

HOLDING_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta")


@dataclass(frozen=True, slots=True)
class Mangled:
    """Something that a client might send.

    Attributes:
        name: What was done to what, and with which seed.
        content: The file.
        is_hopeless: Nothing can be seen in it, or it is beyond the limits.
    """

    name: str
    content: bytes = field(repr=False)
    is_hopeless: bool = False


def make_mangled(count: int, wholes: dict[str, bytes]) -> list[Mangled]:
    """Return that many mangled files, all bombs among them, in a fixed shuffled order.

    Args:
        count: How many.
        wholes: Good files by their suffix; ``mp4`` is one of them.
    """
    made = [*make_bombs(), *make_impostors(wholes)]
    seed = 0
    while len(made) < count:
        rng = Random(seed)
        kind = sorted(wholes)[seed % len(wholes)]
        ways = [flip_bits, cut_end, drop_middle, mix_ends]
        if kind == "mp4":
            ways += [splice_boxes, lie_in_box, splice_boxes, lie_in_box]
        way = ways[seed // len(wholes) % len(ways)]
        made.append(Mangled(f"{way.__name__} {kind} {seed}", way(wholes[kind], rng)))
        seed += 1
    Random(count).shuffle(made)
    return made


def flip_bits(content: bytes, rng: Random) -> bytes:
    """Flip a few bits, more often near the beginning, where the headers are."""
    mangled = bytearray(content)
    for _ in range(rng.choice((1, 4, 32, 256))):
        place = int(len(mangled) * rng.random() ** rng.choice((1, 3)))
        mangled[min(place, len(mangled) - 1)] ^= 1 << rng.randrange(8)
    return bytes(mangled)


def cut_end(content: bytes, rng: Random) -> bytes:
    """Keep the beginning alone."""
    return content[: max(1, int(len(content) * rng.random()))]


def drop_middle(content: bytes, rng: Random) -> bytes:
    """Leave a piece out, or have it twice."""
    first, last = sorted(rng.randrange(len(content)) for _ in range(2))
    return content[:first] + content[last:] if rng.random() < 0.5 else content[:last] * 2


def mix_ends(content: bytes, rng: Random) -> bytes:
    """Go on with noise after the beginning."""
    return content[: rng.randrange(8, 200)] + rng.randbytes(rng.randrange(1, 4000))


def list_boxes(
    content: bytes, start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, int]]:
    """Yield where the boxes of an mp4 begin and end, those in other boxes after them."""
    stop = len(content) if stop is None else stop
    while start + 8 <= stop:
        size, kind = struct.unpack(">I4s", content[start : start + 8])
        if size < 8 or start + size > stop:
            return
        yield start, start + size
        if kind in HOLDING_BOXES:
            yield from list_boxes(content, start + 8, start + size)
        start += size


def splice_boxes(content: bytes, rng: Random) -> bytes:
    """Remove a box, repeat it, or put another one in its place; sizes above it stay."""
    boxes = list(list_boxes(content))
    first, last = rng.choice(boxes)
    other_first, other_last = rng.choice(boxes)
    put = rng.choice((b"", content[first:last] * 2, content[other_first:other_last]))
    return content[:first] + put + content[last:]


def lie_in_box(content: bytes, rng: Random) -> bytes:
    """Write an extreme number into a box: its size, a count, a duration, an offset."""
    first, last = rng.choice([box for box in list_boxes(content) if box[1] - box[0] >= 12])
    place = first + 4 * rng.randrange(min(last - first, 128) // 4)
    lie = rng.choice((0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00FFFFFF))
    return content[:place] + struct.pack(">I", lie) + content[place + 4 :]


def make_bombs() -> list[Mangled]:
    """Return small files that are very large when they are opened."""
    bombs = {
        "PNG of 30,000 px": zlib_bomb(30_000, 30_000),
        "PNG of 2,147,483,647 px": zlib_bomb(0x7FFFFFFF, 0x7FFFFFFF, num_rows=100),
        "PNG of 30,000 px a side, one high": zlib_bomb(30_000, 16),
        "JPEG that says 65,500 px": patch_jpeg_size(65_500, 65_500),
        "GIF that says 65,535 px": patch_gif_size(65_535),
        "GIF of 7,000 frames": repeat_gif(7_000),
        "WEBP that says 16,383 px": patch_webp_size(),
        "BMP that says 2,147,483,647 px": patch_bmp_size(0x7FFFFFFF),
        "PPM of 99,999 px": b"P6 99999 99999 255\n" + bytes(300),
        "clip of 100,000 frames in two seconds": repeat_frames(100_000, 60_000, "mp4"),
        "clip of 100,000 frames that tells no number": repeat_frames(100_000, 60_000, "matroska"),
        "clip of 100,000 frames in an hour": repeat_frames(100_000, 25, "mp4"),
        "clip of one frame a minute": repeat_frames(10, 1, "mp4", ticks=60),
        "clip of frames that never end": patch_times(repeat_frames(10, 25, "mp4")),
    }
    made = [Mangled(name, content, True) for name, content in bombs.items()]
    # These are read as short clips: the table of frames is believed, and its numbers overflow.
    lies = {
        "clip that says it never ends": patch_durations(repeat_frames(10, 25, "mp4")),
        "clip of one frame a year": repeat_frames(10, 1, "mp4", ticks=31_536_000),
    }
    return made + [Mangled(name, content) for name, content in lies.items()]


def make_impostors(wholes: dict[str, bytes]) -> list[Mangled]:
    """Return what is no clip or picture at all, or names other files."""
    told = {
        "one byte": b"\x00",
        "text": b"plain text",
        "page": b"<!doctype html><script>alert(1)</script>",
        "drawing": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        "playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "list of files": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "session": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 1 RTP/AVP 96\n",
        "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        "PDF": b"%PDF-1.7\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF",
        "archive": b"PK\x05\x06" + bytes(18),
        "program": b"\x7fELF" + bytes(60),
        "sound": make_sound(),
        "PNG head before a clip": b"\x89PNG\r\n\x1a\n" + wholes["mp4"],
        "JPEG head before a clip": b"\xff\xd8\xff" + wholes["mp4"],
        "boxes in boxes": struct.pack(">I4s", 1 << 20, b"moov") * 10_000,
        "only a head": wholes["mp4"][:24],
        "a picture of 4 px": encode_picture("PNG", 4),
    }
    return [Mangled(name, content, True) for name, content in told.items()]


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content)) + kind + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )  # fmt: skip


def zlib_bomb(width: int, height: int, *, num_rows: int | None = None) -> bytes:
    """Return a black PNG of one bit a pixel: a thousand times smaller than what is in it."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8) if width < 1 << 20 else bytes(1 << 20)
    rows = [packer.compress(row) for _ in range(height if num_rows is None else num_rows)]
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head)
        + png_chunk(b"IDAT", b"".join(rows) + packer.flush()) + png_chunk(b"IEND", b"")
    )  # fmt: skip


def encode_picture(kind: str, side: int = 48, **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind, **options)
    return content.getvalue()


def encode_gif(num_frames: int = 6) -> bytes:
    frames = [Image.new("RGB", (32, 32), (40 * number, 0, 0)) for number in range(num_frames)]
    content = io.BytesIO()
    frames[0].save(content, "GIF", save_all=True, append_images=frames[1:], duration=40)
    return content.getvalue()


def patch(content: bytes, place: int, put: bytes) -> bytes:
    return content[:place] + put + content[place + len(put) :]


def patch_jpeg_size(width: int, height: int) -> bytes:
    content = encode_picture("JPEG")
    return patch(content, content.index(b"\xff\xc0") + 5, struct.pack(">HH", height, width))


def patch_gif_size(side: int) -> bytes:
    return patch(encode_gif(), 6, struct.pack("<HH", side, side))


def repeat_gif(num_frames: int) -> bytes:
    """Return a GIF whose second frame comes again and again."""
    content = encode_gif(2)
    block = content[content.rindex(b"\x21\xf9\x04") : -1]
    return content[:-1] + block * num_frames + b";"


def patch_webp_size() -> bytes:
    content = encode_picture("WEBP", lossless=False)
    return patch(content, content.index(b"\x9d\x01\x2a") + 3, struct.pack("<HH", 16_383, 16_383))


def patch_bmp_size(side: int) -> bytes:
    return patch(encode_picture("BMP"), 18, struct.pack("<ii", side, side))


def make_sound() -> bytes:
    data = bytes(8000)
    head = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    body = b"WAVE" + head + struct.pack("<4sI", b"data", len(data)) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def repeat_frames(
    num_frames: int, ticks_a_second: int, container_name: str, *, ticks: int = 1
) -> bytes:
    """Write a clip whose second frame comes again and again: it is encoded once.

    Args:
        num_frames: How many.
        ticks_a_second: In which the clip counts.
        container_name: As FFmpeg calls it.
        ticks: From one frame to the next.
    """
    target = io.BytesIO()
    tick = Fraction(1, ticks_a_second)
    with av.open(target, "w", format=container_name) as container:
        stream: Any = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 16
        stream.pix_fmt, stream.gop_size = "yuv420p", 1000
        stream.codec_context.time_base = stream.time_base = tick
        packets = []
        for number in range(2):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 90, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, tick
            packets += stream.encode(frame)
        packets += stream.encode(None)
        contents = [bytes(packet) for packet in packets]
        for number in range(num_frames):
            packet = av.Packet(contents[min(number, 1)])
            packet.stream, packet.time_base = stream, tick
            packet.pts = packet.dts = number * ticks
            packet.is_keyframe = number == 0
            container.mux(packet)
    return target.getvalue()


def patch_durations(content: bytes) -> bytes:
    """Say in every head of an mp4 that it lasts for ever."""
    for kind, place in ((b"mvhd", 20), (b"mdhd", 20), (b"tkhd", 24)):
        content = patch(content, content.index(kind) + place, b"\x7f\xff\xff\xff")
    return content


def patch_times(content: bytes) -> bytes:
    """Let the first frame of an mp4 be shown for ever, in the table that readers believe."""
    place = content.index(b"stts") + 16
    return patch_durations(patch(content, place, b"\x7f\xff\xff\xff"))


def make_wholes(clip_mp4: bytes, clip_mkv: bytes) -> dict[str, bytes]:
    """Return good files of every kind, by their suffix."""
    return {
        "mp4": clip_mp4,
        "mkv": clip_mkv,
        "gif": encode_gif(),
        "png": encode_picture("PNG"),
        "jpg": encode_picture("JPEG"),
        "webp": encode_picture("WEBP"),
    }
