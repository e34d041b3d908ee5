"""The house: rooms in order, imports that point back only, no junk drawers, small files."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOMS = (
    "errors", "config", "cache", "report", "endpoint", "vocabulary", "annotation", "claims",
    "video", "faces", "render", "records", "metrics", "model", "describe", "training",
    "evaluation", "serving", "recipes", "cli",
)  # fmt: skip
# Beyond the order of the rooms: who may not know of whom.
FORBIDDEN = {("training", "evaluation"), ("serving", "training")}
# Everything before the models, and the command line itself, starts without these.
LIGHT_ROOMS = (*ROOMS[: ROOMS.index("model")], "cli")
HEAVY = {"torch", "transformers", "mediapipe", "ray", "fastapi", "matplotlib", "skia", "cv2"}
JUNK = {"utils", "util", "common", "misc", "helpers", "core", "base", "manager", "legacy", "v2"}
MAX_LINES = 500
SOURCE = Path(__file__).resolve().parent.parent / "src" / "lineament"


def module_paths(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*.py") if path != source / "__init__.py")


def room_of(path: Path, source: Path) -> str:
    return path.relative_to(source).parts[0].removesuffix(".py")


def own_imports(path: Path) -> Iterator[str]:
    """Yield the dotted names below `lineament` that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module and node.module.split(".")[0] == "lineament":
                inside = node.module.split(".")[1:]
                if inside:
                    yield ".".join(inside)
                else:
                    yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("lineament."):
                    yield alias.name.removeprefix("lineament.")


def top_level_imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def find_faults(source: Path) -> list[str]:
    """List everything in a source tree that breaks the rules of the house."""
    faults: list[str] = []
    for path in module_paths(source):
        name = str(path.relative_to(source))
        room = room_of(path, source)
        text = path.read_text(encoding="utf-8")
        if room not in ROOMS:
            faults.append(f"{name}: no such room")
            continue
        if JUNK & set(path.relative_to(source).with_suffix("").parts):
            faults.append(f"{name}: a junk drawer")
        if (num_lines := text.count("\n")) > MAX_LINES:
            faults.append(f"{name}: {num_lines} lines")
        docstring = ast.get_docstring(ast.parse(text)) or ""
        if not docstring or len(docstring.splitlines()[0]) > 95:
            faults.append(f"{name}: no docstring whose first line says what it is")
        if room in LIGHT_ROOMS and (heavy := HEAVY & top_level_imports(path)):
            faults.append(f"{name}: imports {', '.join(sorted(heavy))} before it is used")
        for imported in own_imports(path):
            target = imported.split(".")[0]
            if target not in ROOMS:
                faults.append(f"{name}: imports unknown lineament.{imported}")
            elif ROOMS.index(target) > ROOMS.index(room) or (room, target) in FORBIDDEN:
                faults.append(f"{name}: imports lineament.{imported}, which lies below it")
    return faults + find_cycles(source)


def find_cycles(source: Path) -> list[str]:
    """Within a room, modules can be put in an order, too."""
    graph: dict[str, set[str]] = {}
    for path in module_paths(source):
        dotted = ".".join(path.relative_to(source).with_suffix("").parts)
        own = dotted.removesuffix(".__init__")
        graph[dotted] = {
            imported
            for imported in own_imports(path)
            if imported.split(".")[0] == dotted.split(".")[0] and imported != own
        }
    faults: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            faults.append(f"cycle: {' -> '.join((*path[path.index(module) :], module))}")
            return
        if module in done or module not in graph:
            return
        for other in sorted(graph[module]):
            visit(other, (*path, module))
        done.add(module)

    for module in sorted(graph):
        visit(module, ())
    return faults


def test_the_house_is_in_order():
    assert find_faults(SOURCE) == []


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        ("claims/read.py", '"""Claims."""\nfrom lineament.faces import track\n', "lies below it"),
        ("serving/app.py", '"""App."""\nimport lineament.training.run\n', "lies below it"),
        ("faces/utils.py", '"""Things."""\n', "junk drawer"),
        ("attic/old.py", '"""Old."""\n', "no such room"),
        ("claims/read.py", "x = 1\n", "no docstring"),
        ("claims/read.py", '"""Claims."""\n' + "x = 1\n" * 600, "601 lines"),
        ("video.py", '"""Video."""\nimport torch\n', "imports torch"),
        ("faces/track.py", '"""T."""\nfrom lineament.faces import mesh\n', None),
    ],
)
def test_the_rules_can_be_broken(tmp_path: Path, name: str, text: str, fault: str | None):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    faults = find_faults(tmp_path)
    if fault is None:
        assert faults == []
    else:
        assert any(fault in found for found in faults)


def test_a_cycle_in_a_room_is_found(tmp_path: Path):
    (tmp_path / "faces").mkdir()
    for one, other in (("track", "mesh"), ("mesh", "track")):
        (tmp_path / "faces" / f"{one}.py").write_text(
            f'"""One."""\nfrom lineament.faces.{other} import x\n'
        )
    assert any("cycle" in fault for fault in find_faults(tmp_path))
