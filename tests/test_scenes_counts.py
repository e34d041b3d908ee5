"""The six published counts, through the command line, on the real files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs"


# In a process of its own the command runs as for people, without checks of shapes at run time.
COMMAND = "import sys; from lineament.cli.app import run; sys.exit(run(sys.argv[1:]))"


def build(name, folder, split, out):
    if not (REAL / folder).is_dir():
        pytest.skip(f"{REAL / folder} is not there")
    options = ["--split", split, "--kinds", "adapted", "--workers", "1", "--json"]
    arguments = ["build", name, "--data", str(REAL / folder), "--out", str(out), *options]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder", "pictures", "pairs"),
    [
        ("rsicd", "captions_precomp/rsicd", 8734, 17_813),
        ("rsitmd", "captions_precomp/rsitmd", 4291, 20_096),
        ("ucm-captions", "captions_precomp/ucm", 1680, 7999),
        ("sydney-captions", "captions_precomp/sydney", 497, 2294),
        ("floodnet", "floodnet_vqa", 1448, 4511),
        ("rsivqa", "rsivqa", 5401, 19_218),
    ],
)
def test_a_build_of_the_real_files_gives_the_published_count(
    name, folder, pictures, pairs, tmp_path
):
    row = build(name, folder, "train", tmp_path / "out")
    assert (row["annotations"], row["turns"]) == (pictures, pairs)
    assert row["source"] == name
    # Labels that no training should see count all the same, and are named.
    assert row["kinds"].get("blank_caption", 0) == (4 if name == "rsitmd" else 0)
    assert sum(row["kinds"].values()) == row["records"]


@pytest.mark.shared
def test_questions_that_lost_their_noun_are_counted_by_name(tmp_path):
    row = build("rsivqa", "rsivqa", "ucm-human", tmp_path / "out")
    lines = (REAL / "rsivqa" / "UCM" / "ucm_res.txt").read_text().splitlines()
    # Their mark is a double blank where the noun stood, told here without the source's own rule.
    lost = [line for line in lines if "many  " in line.lower() or "of the  " in line.lower()]
    assert row["kinds"]["lost_noun"] == len(lost) == 294
    assert (row["annotations"], row["turns"]) == (559, len(lines))
