"""``lineament serve``: what it refuses at once, and a server from its first line to its last."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from lineament.cli.app import run
from lineament.cli.serve import require_extras
from lineament.errors import MissingExtra


def test_limits_are_shown_and_changed(capsys):
    assert run(["serve", "--show", "--set", "max_batch=4", "--set", "media.max_seconds=9"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["max_batch"], shown["media"]["max_seconds"]) == (4, 9.0)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["no-such-model", "--port", "0"], "no-such-model: neither a folder nor", ""),
        (["--host", "0.0.0.0"], "--host 0.0.0.0: other machines could ask", "--api-key-file"),
        (["--host", "::"], "--host ::: other machines could ask", "--allow-anyone"),
        (["--api-key-file", "nothing"], "nothing: no such file", ""),
        (["--set", "max_bach=1"], "unknown key 'max_bach'", "max_batch"),
        (["--set", "max_batch=0"], "max_batch", ""),
        (["--set", "media.max_bytes=9999999999"], "upload_bytes is less", ""),
        (["--answerer", "oracle"], "--answerer: expected model or rule", ""),
        (["--allow-folder", "nowhere"], "nowhere: is no folder", ""),
        (["--port", "70000"], "port", ""),
        (["--host", "no.such.host.invalid", "--allow-anyone"], "cannot listen there", "--port"),
        (["--replicas", "0"], "replicas", ""),
        (["no-such-model", "--port", "0", "--replicas", "2"], "no-such-model: neither a", ""),
        (["--answerer", "rule", "--draw", "no-such-model", "--port", "0"], "no-such-model", ""),
    ],
)
def test_wrong_options_get_one_error_and_one_hint(arguments, message, hint, capsys):
    assert run(["serve", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert hint in "".join(lines[1:])
    assert len(lines) <= 2


def test_a_port_in_use_is_said(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["serve", "--port", str(port), "--answerer", "rule"]) == 2
    assert f"127.0.0.1:{port}: cannot listen there" in capsys.readouterr().err


def test_what_is_not_installed_is_said(monkeypatch):
    from importlib import util

    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == "uvicorn" else find(name))
    with pytest.raises(MissingExtra) as caught:
        require_extras()
    assert caught.value.hint == "pip install 'lineament[serve]'"


@pytest.mark.slow
def test_a_server_starts_answers_and_stops(tmp_path: Path, make_pattern):
    command = [sys.executable, "-m", "lineament.cli", "serve", "--answerer", "rule", "--port", "0"]
    code = "from lineament.cli import main; main()"
    command[1:3] = ["-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        body = {"text": "She smiles.", "annotation": {"facts": [{"name": "smile"}]}}
        asked = urllib.request.Request(
            f"{url}/check", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(asked, timeout=120) as answer:
            assert json.load(answer)["supported"] == 1
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out == ""
    assert err.splitlines() == ["serving rule; Ctrl+C ends"]
