import struct
import zlib

import av
import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadMedia
from lineament.video import (
    Limits,
    find_media,
    frames_at,
    open_clip,
    read_picture,
    require_whole,
    sample_frames,
    with_counted_frames,
    write_clip,
)

IRREGULAR_MS = [0, 40, 80, 200, 210, 500, 1000, 1040, 2000]
DISPLAY_MATRICES = {  # what a camera held on its side writes; the number is how far to turn back
    90: (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30),
    180: (-65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30),
    270: (0, -65536, 0, 65536, 0, 0, 0, 0, 1 << 30),
}


def read_all(path):
    times, pixels = zip(*open_clip(path).frames(), strict=True)
    return list(times), np.stack(pixels)


def difference(first, second):
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def number_of(pixels):
    """Read the frame's number from its blue, as `pattern` writes it."""
    return round(float(pixels[..., 2].mean()) / 5)


# --- times ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "libx264"), ("mp4", "libx264"),
                                               ("webm", "libvpx")])  # fmt: skip
def test_frames_come_at_their_presentation_times(tmp_path, encode_clip, suffix, codec):
    path = tmp_path / f"clip.{suffix}"
    encode_clip(path, IRREGULAR_MS, codec=codec, ticks_a_second=1000, b="4M")
    times, pixels = read_all(path)
    assert times == pytest.approx([ms / 1000 for ms in IRREGULAR_MS], abs=0.0015)
    assert [number_of(p) for p in pixels] == list(range(9))


def test_time_starts_at_zero_whatever_the_first_stamp_is(tmp_path, encode_clip):
    path = encode_clip(
        tmp_path / "late.mkv", [5000 + ms for ms in IRREGULAR_MS], ticks_a_second=1000
    )
    assert read_all(path)[0] == pytest.approx([ms / 1000 for ms in IRREGULAR_MS], abs=0.0015)
    (time, pixels), *_ = open_clip(path).frames(0.45, 0.9)
    assert (time, number_of(pixels)) == (pytest.approx(0.5), 5)


@pytest.mark.parametrize(("suffix", "codec", "format_name"), [
    ("h264", "libx264", "h264"), ("m4v", "mpeg4", "m4v"), ("mpg", "mpeg1video", "mpeg1video"),
])  # fmt: skip
def test_clips_without_stamps_are_read_at_an_even_pace(
    tmp_path, encode_clip, suffix, codec, format_name
):
    path = tmp_path / f"raw.{suffix}"
    encode_clip(path, range(30), codec=codec, format_name=format_name)
    clip = open_clip(path)
    times, _ = read_all(path)
    assert len(times) == clip.num_frames == 30
    assert np.all(np.diff(times) > 0)
    assert clip.duration_seconds == pytest.approx(1.2, abs=0.1)
    assert times[-1] == pytest.approx(29 / 25, abs=0.09)


@pytest.mark.parametrize(("codec", "format_name"), [("libvpx", "webm"), ("libx264", "matroska")])
def test_a_stream_written_without_its_length_is_counted(tmp_path, encode_clip, codec, format_name):
    class Pipe:  # like a pipe: cannot seek back to write the length into the header
        def __init__(self):
            self.data = bytearray()

        def write(self, data):
            self.data += data
            return len(data)

    pipe = Pipe()
    encode_clip(
        tmp_path, IRREGULAR_MS, codec=codec, format_name=format_name, ticks_a_second=1000,
        target=pipe,
    )  # fmt: skip
    path = tmp_path / "piped.webm"
    path.write_bytes(pipe.data)
    with av.open(str(path)) as container:
        assert container.duration is None
    clip = open_clip(path)
    assert clip.num_frames == 9
    assert clip.duration_seconds == pytest.approx(2.04, abs=0.05)


def test_an_mpeg_program_stream_tells_its_true_length_not_the_bit_rate_guess(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "clip.mpg", range(50), codec="mpeg2video")
    assert open_clip(path).duration_seconds == pytest.approx(2.0, abs=0.05)


def test_counted_frames_replace_what_the_container_said(tmp_path, encode_clip):
    clip = open_clip(encode_clip(tmp_path / "clip.mkv", IRREGULAR_MS, ticks_a_second=1000))
    times, _ = read_all(clip.path)
    counted = with_counted_frames(clip, np.array(times))
    assert counted.num_frames == 9
    assert counted.duration_seconds == pytest.approx(2.0 + float(np.median(np.diff(times))))
    assert counted.fps == pytest.approx(9 / counted.duration_seconds)
    assert with_counted_frames(clip, np.zeros(0)) is clip


# --- shapes and formats ---------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_clip_filmed_sideways_comes_out_upright(tmp_path, encode_clip, degrees, make_pattern):
    path = encode_clip(tmp_path / "side.mp4", range(5))
    data = bytearray(path.read_bytes())
    matrix_at = data.find(b"tkhd") + 4 + 4 + 20 + 8 + 8
    data[matrix_at : matrix_at + 36] = struct.pack(">9i", *DISPLAY_MATRICES[degrees])
    path.write_bytes(data)
    expected = np.rot90(make_pattern(0), -degrees // 90)  # matrices turn clockwise
    clip = open_clip(path)
    _, pixels = next(clip.frames())
    assert (clip.height, clip.width, 3) == pixels.shape == expected.shape
    assert difference(pixels, expected) < 8
    assert pixels.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(("codec", "options"), [
    ("libx265", {"x265_params": "log-level=none"}), ("libx264", {}),
])  # fmt: skip
def test_ten_bit_clips_are_read_as_eight(tmp_path, encode_clip, codec, options, make_pattern):
    path = tmp_path / "ten.mp4"
    try:
        encode_clip(path, range(5), codec=codec, pixel_format="yuv420p10le", **options)
    except av.error.FFmpegError as error:
        pytest.skip(f"this {codec} writes no 10 bit: {error}")
    _, pixels = read_all(path)
    assert pixels.dtype == np.uint8
    assert difference(pixels[0], make_pattern(0)) < 8


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "ffv1"), ("mp4", "libx264")])
def test_odd_sides_are_kept(tmp_path, encode_clip, suffix, codec, make_pattern):
    path = tmp_path / f"odd.{suffix}"
    encode_clip(path, range(4), codec=codec, pixel_format="yuv444p", size=(61, 97))
    clip = open_clip(path)
    _, pixels = read_all(path)
    assert (clip.width, clip.height) == (97, 61)
    assert pixels.shape == (4, 61, 97, 3)
    assert difference(pixels[0], make_pattern(0, 61, 97)) < 6


@pytest.mark.parametrize(("suffix", "codec", "group", "extra"), [
    ("mp4", "libx264", 40, {}), ("mkv", "libx264", 40, {}), ("ts", "libx264", 40, {}),
    ("ts", "libx264", 250, {"sc_threshold": "0"}), ("mpg", "mpeg1video", 30, {}),
    ("mpg", "mpeg2video", 30, {"bf": "2"}), ("webm", "libvpx", 60, {"deadline": "realtime"}),
    ("avi", "mpeg4", 40, {}), ("h264", "libx264", 40, {}),
])  # fmt: skip
def test_a_span_holds_the_same_frames_as_a_full_read(
    tmp_path, encode_clip, suffix, codec, group, extra
):
    path = tmp_path / f"clip.{suffix}"
    rng = np.random.default_rng(0)
    frames = [np.roll(rng.integers(0, 255, (6, 10, 3), np.uint8).repeat(16, 0).repeat(16, 1), n, 1)
              for n in range(150)]  # fmt: skip
    encode_clip(path, range(150), codec=codec, frames=frames, g=str(group),
                format_name="h264" if suffix == "h264" else None, **extra)  # fmt: skip
    clip = open_clip(path)
    whole = list(clip.frames())
    assert len(whole) == 150
    for start, stop in ((0.0, 1.0), (1.5, 2.0), (2.02, 4.0), (3.0, np.inf), (5.9, 6.0), (7.0, 8.0)):
        wanted = [(t, p) for t, p in whole if start - 1e-6 <= t < stop]
        got = list(clip.frames(start, stop))
        assert [t for t, _ in got] == pytest.approx([t for t, _ in wanted])
        assert all(np.array_equal(p, q) for (_, p), (_, q) in zip(got, wanted, strict=True))


def test_parts_of_a_clip_make_up_the_whole(tmp_path, encode_clip):
    path = encode_clip(tmp_path / "clip.mkv", IRREGULAR_MS, ticks_a_second=1000)
    clip = open_clip(path)
    edges = [0.0, 0.2, 0.7, 1.04, np.inf]
    times = [t for a, b in zip(edges, edges[1:], strict=False) for t, _ in clip.frames(a, b)]
    assert times == [t for t, _ in clip.frames()]


# --- sampling -------------------------------------------------------------------------------


def test_samples_are_the_frames_shown_at_the_centres_of_equal_bins(tmp_path, encode_clip):
    clip = open_clip(encode_clip(tmp_path / "clip.mkv", range(40)))
    assert clip.duration_seconds == pytest.approx(1.6, abs=0.01)
    frames = sample_frames(clip, 4)
    # Bins of ten frames: 0.2 s is frame 5, 0.6 s frame 15, and so on.
    assert frames.times_seconds == pytest.approx([0.2, 0.6, 1.0, 1.4])
    assert [number_of(p) for p in frames.pixels] == [5, 15, 25, 35]


def test_samples_go_by_time_not_by_number_of_frames(tmp_path, encode_clip):
    stamps = [*range(0, 200, 10), 1000, 2000]  # twenty frames in 0.2 s, then two
    clip = open_clip(encode_clip(tmp_path / "clip.mkv", stamps, ticks_a_second=1000))
    assert [number_of(p) for p in sample_frames(clip, 3).pixels] == [19, 20, 20][:2]


def test_a_short_clip_gives_fewer_samples_and_none_twice(tmp_path, encode_clip):
    clip = open_clip(encode_clip(tmp_path / "clip.mkv", range(3)))
    frames = sample_frames(clip, 16)
    assert [number_of(p) for p in frames.pixels] == [0, 1, 2]


def test_a_picture_gives_one_sample(gradient_picture):
    frames = sample_frames(open_clip(gradient_picture), 16)
    assert frames.pixels.shape == (1, 200, 300, 3)
    assert frames.times_seconds.tolist() == [0.0]


def test_times_outside_a_clip_give_its_ends(tmp_path, encode_clip):
    clip = open_clip(encode_clip(tmp_path / "clip.mkv", range(10)))
    frames = frames_at(clip, [99.0, -5.0, 0.21])
    assert [number_of(p) for p in frames.pixels] == [0, 5, 9]
    with pytest.raises(ValueError, match="no times"):
        frames_at(clip, [])


# --- writing --------------------------------------------------------------------------------


def test_a_written_clip_reads_back_almost_the_same(tmp_path, make_pattern):
    frames = [make_pattern(n) for n in range(30)]
    path = write_clip(tmp_path / "new" / "clip.mp4", frames, fps=29.97)
    times, pixels = read_all(path)
    error = np.mean((pixels.astype(float) - np.stack(frames)) ** 2)
    assert 10 * np.log10(255**2 / error) > 30
    assert len(times) == 30
    assert np.diff(times) == pytest.approx(1 / 29.97, abs=1e-3)


def test_writing_drops_the_last_row_and_column_of_odd_sides(tmp_path, make_pattern):
    path = write_clip(tmp_path / "odd.mp4", [make_pattern(n, 61, 97) for n in range(3)], crf=1)
    _, pixels = read_all(path)
    assert pixels.shape == (3, 60, 96, 3)
    assert difference(pixels[0], make_pattern(0, 61, 97)[:60, :96]) < 4


def test_writing_no_frames_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no frames"):
        write_clip(tmp_path / "none.mp4", [])


# --- pictures -------------------------------------------------------------------------------


def test_a_picture_is_a_clip_of_one_frame(tmp_path, make_pattern):
    Image.fromarray(make_pattern(0)).save(tmp_path / "a.png")
    clip = open_clip(tmp_path / "a.png")
    assert (clip.is_picture, clip.num_frames, clip.duration_seconds, clip.fps) == (True, 1, 0, 0)
    [(time, pixels)] = clip.frames()
    assert time == 0
    assert np.array_equal(pixels, make_pattern(0))


def test_a_photograph_is_turned_as_its_exif_says(tmp_path, make_pattern):
    flag = Image.Exif()
    flag[0x0112] = 6  # the camera was turned: show it a quarter to the right
    Image.fromarray(make_pattern(0)).save(tmp_path / "a.jpg", exif=flag, quality=95)
    clip = open_clip(tmp_path / "a.jpg")
    pixels = read_picture(tmp_path / "a.jpg")
    assert (clip.height, clip.width) == pixels.shape[:2] == (160, 96)
    assert difference(pixels, np.rot90(make_pattern(0), -1)) < 5


def test_sixteen_bits_keep_the_order_of_grey(tmp_path):
    deep = np.linspace(300, 61_000, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    pixels = read_picture(tmp_path / "deep.png")
    assert pixels.shape == (64, 64, 3)
    assert np.all(np.diff(pixels[..., 0].ravel().astype(int)) >= 0)
    assert pixels.min() == 0
    assert pixels.max() == 255


def test_a_float_picture_with_missing_values_is_read_without_a_warning(tmp_path):
    values = np.full((32, 32), np.nan, np.float32)
    values[:16] = 3.5
    Image.fromarray(values).save(tmp_path / "float.tiff")
    assert read_picture(tmp_path / "float.tiff")[0, 0].tolist() == [255, 255, 255]


def test_transparency_lies_on_white(tmp_path, make_pattern):
    paletted = Image.fromarray(make_pattern(0)).quantize(8)
    hidden = int(np.asarray(paletted)[0, 0])
    paletted.save(tmp_path / "a.png", transparency=hidden)
    assert read_picture(tmp_path / "a.png")[0, 0].tolist() == [255, 255, 255]


def test_ink_colours_become_light_colours(tmp_path, make_pattern):
    Image.fromarray(make_pattern(0)).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert difference(read_picture(tmp_path / "a.jpg"), make_pattern(0)) < 8


def test_an_animated_gif_is_a_clip_with_its_own_times(tmp_path, make_pattern):
    first, *others = [Image.fromarray(make_pattern(n * 8)) for n in range(5)]
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=others, duration=[100, 200, 50, 400, 100])
    clip = open_clip(path)
    assert not clip.is_picture
    assert clip.num_frames == 5
    assert clip.duration_seconds == pytest.approx(0.85, abs=0.06)
    assert read_all(path)[0] == pytest.approx([0.0, 0.1, 0.3, 0.35, 0.75], abs=0.011)


@pytest.mark.parametrize("suffix", ["webp", "png", "tiff"])
def test_pictures_of_several_frames_give_the_first(tmp_path, make_pattern, suffix):
    first, *others = [Image.fromarray(make_pattern(n * 8)) for n in range(3)]
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=others)
    assert open_clip(tmp_path / f"a.{suffix}").is_picture
    assert difference(read_picture(tmp_path / f"a.{suffix}"), make_pattern(0)) < 12


# --- bad input ------------------------------------------------------------------------------


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_claiming(width, height):
    """Return a few hundred bytes that claim to be a huge picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data + chunk(b"IEND", b"")


def make_text(path, _):
    path.write_text("A cake recipe.\n" * 40)


def make_audio(path, _):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate = 44_100
        for number in range(20):
            frame.pts = number * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def make_zero_frames(path, _, **options):
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        container.start_encoding()


def make_zero_frames_with_a_track(path, _):
    make_zero_frames(path, _, movflags="empty_moov")


def make_truncated(path, encode):
    whole = encode(path, range(100)).read_bytes()
    assert whole.rfind(b"moov") > len(whole) // 2
    path.write_bytes(whole[: len(whole) // 2])


def make_truncated_faststart(path, encode):
    whole = encode(path, range(200), container_options={"movflags": "faststart"}).read_bytes()
    assert whole.find(b"moov") < 100
    path.write_bytes(whole[: int(len(whole) * 0.6)])


def make_tiny_clip(path, encode):
    encode(path, range(3), codec="ffv1", pixel_format="yuv444p", size=(1, 1))


def make_wide_clip(path, encode):
    encode(path, range(1), codec="ffv1", size=(32, 20_000))


def make_garbage(path, _):
    path.write_bytes(np.random.default_rng(0).bytes(5000))


def make_playlist(path, encode):
    good = encode(path.with_name("good.ts"), range(10))
    path.write_text(
        f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{good.name}\n"
        "#EXT-X-ENDLIST\n"
    )


def make_concat_list(path, encode):
    good = encode(path.with_name("good.mp4"), range(10))
    path.write_text(f"ffconcat version 1.0\nfile {good.name}\n")


def make_session_description(path, _):
    path.write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
                    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n")  # fmt: skip


def make_damaged_picture(path, _):
    noise = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def make_picture(size):
    return lambda path, _: Image.new("RGB", size).save(path)


def make_bomb(path, _):
    path.write_bytes(png_claiming(60_000, 60_000))


def make_smaller_bomb(path, _):
    path.write_bytes(png_claiming(10_000, 9_500))  # Pillow only warns of this one


def make_text_bomb(path, _):
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20_000_000)))
    whole = png_claiming(96, 96)
    path.write_bytes(whole[:33] + text + whole[33:])


def make_postscript(path, _):
    Image.new("RGB", (96, 96)).save(path, "EPS")  # reading one would start another program


BAD_FILES = {
    "empty.mp4": lambda path, _: path.touch(),
    "empty.jpg": lambda path, _: path.touch(),
    "text.mp4": make_text,
    "text.ans": make_text,
    "text.png": make_text,
    "sound.mp4": make_audio,
    "zero.mp4": make_zero_frames,
    "zero.mkv": make_zero_frames,
    "zero.mov": make_zero_frames_with_a_track,
    "cut.mp4": make_truncated,
    "1x1.mkv": make_tiny_clip,
    "wide.mkv": make_wide_clip,
    "garbage.mp4": make_garbage,
    "garbage.jpg": make_garbage,
    "playlist.mp4": make_playlist,
    "playlist.m3u8": make_playlist,
    "concat.mp4": make_concat_list,
    "concat.txt": make_concat_list,
    "stream.sdp": make_session_description,
    "cut.jpg": make_damaged_picture,
    "cut.png": make_damaged_picture,
    "cut.webp": make_damaged_picture,
    "1x1.png": make_picture((1, 1)),
    "wide.png": make_picture((20_000, 64)),
    "bomb.png": make_bomb,
    "smaller_bomb.png": make_smaller_bomb,
    "text_bomb.png": make_text_bomb,
    "postscript.jpg": make_postscript,
    "folder.mp4": lambda path, _: path.mkdir(),
    "missing.mp4": lambda path, _: None,
    "missing.png": lambda path, _: None,
    "zero\0byte.mp4": lambda path, _: None,
}


@pytest.mark.parametrize("name", list(BAD_FILES))
def test_bad_media_are_refused_by_name_with_a_hint(tmp_path, encode_clip, name):
    path = tmp_path / name
    BAD_FILES[name](path, encode_clip)
    with pytest.raises(BadMedia) as caught:
        list(open_clip(path).frames())
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_clip_cut_in_the_middle_is_refused_when_it_ends(tmp_path, encode_clip):
    path = tmp_path / "cut.mp4"
    make_truncated_faststart(path, encode_clip)
    clip = open_clip(path)  # its table of frames is whole
    with pytest.raises(BadMedia, match=r"cut\.mp4: cut short: \d+ of 200") as caught:
        list(clip.frames())
    assert caught.value.hint
    with pytest.raises(BadMedia, match="cut short"):
        sample_frames(clip, 8)
    assert list(clip.frames(0.0, 1.0))  # what is there can be had
    with pytest.raises(BadMedia, match="cut short"):
        require_whole(clip, 100)


def test_a_name_too_long_for_any_file_is_refused(tmp_path):
    with pytest.raises(BadMedia, match="too long"):
        open_clip(tmp_path / ("x" * 300 + ".mp4"))


def test_limits_can_be_chosen(tmp_path, encode_clip, gradient_picture):
    path = encode_clip(tmp_path / "clip.mkv", range(50))
    with pytest.raises(BadMedia, match="limit of 1 s"):
        open_clip(path, limits=Limits(max_seconds=1.0))
    with pytest.raises(BadMedia, match="beyond the limit"):
        open_clip(gradient_picture, limits=Limits(max_pixels=1000))


def test_only_a_local_file_is_ever_opened(tmp_path, encode_clip, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("http:clip.mp4", "-i.mp4", "50%d.mp4", "concat:a|b.mp4"):
        encode_clip(tmp_path / "good.mp4", range(5)).rename(tmp_path / name)
        assert open_clip(name).num_frames == 5
    with pytest.raises(BadMedia, match="no such file"):
        open_clip("http://127.0.0.1:9/clip.mp4")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tiff", "a.webp", "a.mp4", "a.mkv", "a.mpg"])
def test_no_damage_gives_anything_but_bad_media(tmp_path, encode_clip, name, make_pattern):
    path = tmp_path / name
    if name.endswith(("mp4", "mkv", "mpg")):
        encode_clip(path, range(6), codec="mpeg1video" if name.endswith("mpg") else "libx264")
    else:
        Image.fromarray(make_pattern(0)).save(path)
    whole = path.read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(40):
        data = bytearray(whole)
        reach = rng.choice([200, len(data)])
        for place in rng.integers(0, min(reach, len(data)), rng.choice([1, 3, 20])):
            data[place] = rng.integers(256)
        if rng.random() < 0.3:
            del data[rng.integers(1, len(data)) :]
        path.write_bytes(data)
        try:
            list(open_clip(path).frames())
        except BadMedia as error:
            assert str(path) in error.message  # noqa: PT017  most of the forty still open


def test_finding_media_goes_below_and_in_order(tmp_path):
    for name in ("b.MP4", "a/c.jpg", "a/notes.txt", "a/z.webm"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in find_media(tmp_path)]
    assert found == ["a/c.jpg", "a/z.webm", "b.MP4"]
