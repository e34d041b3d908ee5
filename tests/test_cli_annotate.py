import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from lineament.cli.app import run
from lineament.faces.store import TrackStore

needs_mediapipe = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("mediapipe") is None,
    reason="mediapipe is not installed",
)
START = [sys.executable, "-c", "from lineament.cli import main; main()"]
SUBJECT_KEYS = {"id", "kind", "start_seconds", "stop_seconds", "num_frames", "facts"}
FACT_KEYS = {"name", "family", "value", "confidence", "start_seconds", "stop_seconds", "source",
             "validated"}  # fmt: skip


def run_json(arguments, capsys):
    code = run([*arguments, "--json"])
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return code, json.loads(out)


def assert_two_lines(error, name):
    first, second = error.strip().splitlines()
    assert first.startswith("error: ")
    assert name in first
    assert second.startswith("hint: ")


@needs_mediapipe
@pytest.mark.shared
def test_json_has_exactly_the_promised_shape(face_clip, capsys):
    code, row = run_json(["annotate", str(face_clip)], capsys)
    assert code == 0
    assert {"media", "duration_seconds", "num_frames", "fps", "subjects"} <= row.keys()
    assert row["media"] == str(face_clip)
    assert row["num_frames"] == 23
    assert row["fps"] == pytest.approx(12.5, abs=0.1)
    [subject] = row["subjects"]
    assert subject.keys() >= SUBJECT_KEYS
    assert subject["id"] == "face 0"
    assert subject["facts"]
    for fact in subject["facts"]:
        assert fact.keys() >= FACT_KEYS
        assert 0 <= fact["confidence"] <= 1
        assert fact["validated"] in ("real", "rendered", "none")
        if fact["start_seconds"] is not None:
            assert (
                0 <= fact["start_seconds"] < fact["stop_seconds"] <= row["duration_seconds"] + 0.1
            )


@needs_mediapipe
@pytest.mark.shared
def test_a_person_reads_who_does_what_and_gets_a_page(face_clip, tmp_path, capsys):
    assert run(["annotate", str(face_clip), "--report", str(tmp_path / "page")]) == 0
    captured = capsys.readouterr()
    assert "face 0" in captured.out
    assert "1 face." in captured.out
    assert "index.html" in captured.err.replace("\n", "")
    text = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'(?:src|href)\s*=\s*["\'](?!data:)', text)
    assert "<img" in text


@needs_mediapipe
@pytest.mark.parametrize("as_json", [False, True])
def test_nobody_in_view_is_a_result_not_an_error(gradient_picture, capsys, as_json):
    if as_json:
        code, row = run_json(["annotate", str(gradient_picture)], capsys)
        assert row["subjects"] == []
        assert (row["duration_seconds"], row["num_frames"]) == (0, 1)
    else:
        code = run(["annotate", str(gradient_picture)])
        assert "no face was found" in capsys.readouterr().out
    assert code == 0


@needs_mediapipe
def test_a_name_that_looks_like_markup_is_shown_as_it_is(gradient_picture, capsys):
    path = gradient_picture.rename(gradient_picture.with_name("clip[bold][b].png"))
    assert run(["annotate", str(path)]) == 0
    assert "clip[bold][b].png" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["missing.mp4", "empty.mp4", "text.mp4", "x" * 300])
def test_bad_media_are_two_lines_and_exit_code_two(tmp_path, capsys, name):
    path = tmp_path / name
    if name.startswith("empty"):
        path.touch()
    if name.startswith("text"):
        path.write_text("some text\n" * 30)
    assert run(["annotate", str(path), "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert_two_lines(captured.err, name) if len(name) < 99 else None
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err


def test_wrong_options_are_two_lines_and_exit_code_two(tmp_path, gradient_picture, capsys):
    (tmp_path / "media").mkdir()
    gradient_picture.rename(tmp_path / "media" / "a.png")
    picture, folder = str(tmp_path / "media" / "a.png"), str(tmp_path / "media")
    for arguments, name in (
        (["annotate"], "media"),
        (["annotate", picture, "--workers", "0"], "workers"),
        (["annotate", picture, "--nonsense"], "nonsense"),
        (["annotate", picture, "--out", str(tmp_path / "store")], "--out"),
        (["annotate", folder], "folder"),
        (["annotate", folder, "--out", picture], "is a file"),
        (["nonsense"], "nonsense"),
    ):
        assert run(arguments) == 2, arguments
        captured = capsys.readouterr()
        assert captured.out == ""
        assert_two_lines(captured.err.lower(), name)


def test_help_is_shown_for_nothing_and_for_asking(capsys):
    for arguments in ([], ["--help"], ["annotate", "--help"]):
        assert run(arguments) == 0
        captured = capsys.readouterr()
        assert "lineament" in captured.out
        assert captured.err == ""


@needs_mediapipe
def test_a_report_that_cannot_be_written_is_an_error_of_two_lines(gradient_picture, capsys):
    assert run(["annotate", str(gradient_picture), "--report", str(gradient_picture)]) == 2
    assert_two_lines(capsys.readouterr().err, gradient_picture.name)


def test_the_command_itself_exits_with_two_and_prints_no_traceback(tmp_path):
    done = subprocess.run([*START, "annotate", str(tmp_path / "none.mp4")], capture_output=True,
                          text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert_two_lines(done.stderr, "none.mp4")


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, lineament; "
        "print([m for m in ('torch', 'mediapipe', 'numpy', 'PIL', 'av', 'transformers', 'typer')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                          timeout=60, check=True)  # fmt: skip
    assert done.stdout.strip() == "[]"


@pytest.fixture
def media_folder(tmp_path, make_pattern):
    folder = tmp_path / "media"
    (folder / "deeper").mkdir(parents=True)
    Image.fromarray(make_pattern(1, 100, 120)).save(folder / "a.png")
    Image.fromarray(make_pattern(2, 100, 120)).save(folder / "deeper" / "b.png")
    (folder / "deeper" / "same as b.png").write_bytes((folder / "deeper" / "b.png").read_bytes())
    (folder / "broken.mp4").write_text("no clip\n" * 20)
    (folder / "notes.txt").write_text("not looked at")
    return folder


@needs_mediapipe
def test_a_folder_is_annotated_once_and_bad_files_are_named(media_folder, tmp_path, capsys):
    out = tmp_path / "store"
    arguments = ["annotate", str(media_folder), "--out", str(out), "--workers", "1"]
    code, row = run_json(arguments, capsys)
    assert code == 0
    assert (row["done"], row["already_there"]) == (2, 1)
    [(path, reason)] = row["failed"].items()
    assert path.endswith("broken.mp4")
    assert "cannot be read" in reason
    store = TrackStore(out)
    assert len(list(store.keys())) == 2
    for key in store.keys():  # noqa: SIM118
        assert store.read_annotation(key).subjects == ()

    assert run(arguments) == 0
    text = capsys.readouterr().out
    assert "0 annotated, 3 already there" in text
    assert "broken.mp4" in text


@needs_mediapipe
@pytest.mark.shared
def test_a_store_inside_its_own_folder_does_not_feed_on_its_crops(face_clip, tmp_path, capsys):
    (tmp_path / "clip.mp4").write_bytes(face_clip.read_bytes())
    for done, already_there in ((1, 0), (0, 1)):
        _, row = run_json(["annotate", str(tmp_path), "--out", str(tmp_path)], capsys)
        assert (row["done"], row["already_there"]) == (done, already_there)
    store = TrackStore(tmp_path)
    [key] = store.keys()
    assert len(store.crop_paths(key)) == 16
    assert len(store.read_tracks(key)[0]) == 23


def ended(process):
    """Say whether a process is gone, or only its entry is left."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def children_of(process):
    path = f"/proc/{process}/task/{process}/children"
    try:
        with open(path, encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


@needs_mediapipe
@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at processes through /proc")
def test_killing_a_folder_run_loses_no_finished_clip(clips_folder, tmp_path):
    out = tmp_path / "store"
    command = [*START, "annotate", str(clips_folder / "grid"), "--out", str(out), "--json",
               "--workers", "2"]  # fmt: skip
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.glob("[!.]*/annotation.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    workers = children_of(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 10
    while not all(ended(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert all(ended(worker) for worker in workers)  # nobody goes on in secret
    kept = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("[!.]*/annotation.json")}
    assert 1 <= len(kept) < 8

    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    row = json.loads(done.stdout)
    assert (row["already_there"], row["done"], row["failed"]) == (len(kept), 8 - len(kept), {})
    assert not list(out.glob(".draft-*"))
    for key, written in kept.items():
        assert (out / key / "annotation.json").stat().st_mtime_ns == written
