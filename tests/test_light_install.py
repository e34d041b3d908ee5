"""The light install: what works without torch and mediapipe, in an environment of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def light_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("light")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run([*install, str(ROOT)], capture_output=True, text=True)
    if done.returncode and "Could not find a version" in done.stderr:
        pytest.skip(f"no package registry in reach: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    return python


def run_light(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(python), *arguments], capture_output=True, text=True)


@pytest.mark.slow
def test_import_check_and_renderer_work_without_torch_and_mediapipe(
    light_python: Path, tmp_path: Path
):
    facts = tmp_path / "facts.json"
    facts.write_text('{"facts": [{"name": "smile", "value": true}], "closed": ["accessory"]}')
    code = (
        "import lineament, lineament.render, importlib.util as u;"
        "assert u.find_spec('torch') is None and u.find_spec('mediapipe') is None;"
        f"r = lineament.check('She smiles and wears a hat.', {str(facts)!r});"
        "print([(c.name, c.verdict) for c in r.claims])"
    )
    done = run_light(light_python, "-c", code)
    assert done.returncode == 0, done.stderr
    assert "('smile', 'supported')" in done.stdout
    assert "('wearing_hat', 'contradicted')" in done.stdout


@pytest.mark.slow
def test_commands_that_need_more_say_what_to_install(light_python: Path, tmp_path: Path):
    from PIL import Image

    picture = tmp_path / "gray.png"
    Image.new("RGB", (64, 64), "gray").save(picture)
    script = str(light_python.with_name("lineament"))
    done = subprocess.run([script, "annotate", str(picture)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: mediapipe is not installed",
        "hint: pip install 'lineament[face]'",
    ]
