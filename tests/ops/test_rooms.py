"""Who may import whom. Every import statement is read, those inside functions too, and only the table allows."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environment import ROOT

# room -> the rooms it may import, besides itself
MAY_IMPORT: dict[str, set[str]] = {
    "accounts": set(),
    "consult.safety": set(),
    "consult.documents": set(),
    "llm": set(),
    "consult.library": {"accounts"},
    "consult.records": {"accounts", "consult.safety", "llm"},
    "consult.chat": {"accounts", "consult.documents", "consult.library", "consult.records", "consult.safety", "llm"},
    "consult.review": {
        "accounts",
        "consult.chat",
        "consult.library",
        "consult.records",
        "consult.safety",
        "llm",
    },
    "consult.console": {
        "accounts",
        "consult.chat",
        "consult.library",
        "consult.records",
        "consult.review",
        "consult.safety",
        "llm",
    },
}
PROJECT = "consult"  # settings, urls, supervisor: the roof over the rooms, which no room imports but for these
ROOF_FOR_ALL = {"consult.redact", "consult.secret", "consult.encoder"}
ROOF_FOR = {
    "consult.chat": {"consult.celery_app", "consult.checks"},
    "consult.library": {"consult.celery_app"},
    "consult.console": {"consult.health", "consult.celery_app"},
}
LIGHT_LLM = {"llm", "llm.types", "llm.config", "llm.prompts", "llm.fake"}
# The encoder encodes many passages at a time by torch when the index is built; a query's vector, in web, is NumPy's.
# The trainer of the reader is imported by its command alone.
MAY_NAME_TORCH = {"consult.encoder", "consult.safety.train_reader"}
ENGINE_USER = "consult.chat.tasks"
NEEDS_TORCH = {"torch", "transformers", "peft", "bitsandbytes", "accelerate", "sentence_transformers", "trl"}
OPENS_FILES = {"rapidocr", "onnxruntime", "cv2", "pypdfium2", "pypdf"}  # in a child of a worker, never in web
NO_DJANGO = ("llm", "consult.safety", "consult.documents")
DJANGO = {"django", "channels", "celery", "allauth"}


def source_files() -> list[Path]:
    """Every Python file of the product."""
    return [path for top in ("accounts", "consult", "llm") for path in sorted((ROOT / top).rglob("*.py"))]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path, module: str) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, as a full name with its line. ``from a import b`` gives ``a.b`` where that
    is one of our modules, else ``a``."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                yield (name if is_ours(name) else base), node.lineno


def is_ours(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or path.is_dir()


def room_of(module: str) -> str | None:
    """The room a module lives in; None for the roof and for foreign modules."""
    return next((room for room in MAY_IMPORT if module == room or module.startswith(room + ".")), None)


def is_roof(name: str) -> bool:
    """Whether a module belongs to the project itself and to no room."""
    return name.split(".")[0] == PROJECT and name != PROJECT


def trespasses() -> Iterator[str]:
    """One line for each import that the table does not allow."""
    for path in source_files():
        module = module_of(path)
        room = room_of(module)
        if room is None:
            continue
        for name, line in imports_of(path, module):
            where = f"{path.relative_to(ROOT)}:{line} imports {name}"
            target = room_of(name)
            if target is not None and target != room and target not in MAY_IMPORT[room]:
                yield where
            if target is None and is_roof(name) and name not in ROOF_FOR_ALL | ROOF_FOR.get(room, set()):
                yield where
            if target == "llm" and room != "llm" and name not in LIGHT_LLM and module != ENGINE_USER:
                yield f"{where}: only {ENGINE_USER} obtains an engine"


def test_rooms_import_only_what_the_table_allows() -> None:
    assert list(trespasses()) == []


def test_safety_and_llm_know_nothing_of_django() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in source_files()
        if (room_of(module_of(path)) or "") in NO_DJANGO
        for name, line in imports_of(path, module_of(path))
        if name.split(".")[0] in DJANGO
    ]
    assert found == []


def test_nothing_outside_llm_names_torch_or_its_family() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in source_files()
        if room_of(module_of(path)) != "llm" and module_of(path) not in MAY_NAME_TORCH
        for name, line in imports_of(path, module_of(path))
        if name.split(".")[0] in NEEDS_TORCH
    ]
    assert found == []


def test_only_one_door_opens_a_socket_frame() -> None:
    """Frames are sent to browsers by consumers alone, and wake-ups by events alone."""
    senders = {
        str(path.relative_to(ROOT))
        for path in source_files()
        if any(
            isinstance(node, ast.Attribute) and node.attr in ("group_send",)
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }
    assert senders <= {"consult/chat/events.py"}


def test_the_table_catches_a_trespasser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard itself: a patient-side module reaching for the console, and a page that takes the engine."""
    room = tmp_path / "consult" / "chat"
    room.mkdir(parents=True)
    for folder in ("accounts", "llm"):
        (tmp_path / folder).mkdir()
    (tmp_path / "llm" / "engine.py").write_text("")
    (tmp_path / "consult" / "console").mkdir()
    (tmp_path / "consult" / "settings.py").write_text("")
    lines = ["from consult import console", "from llm.engine import open_engine", "import consult.settings"]
    (room / "views.py").write_text("\n".join(lines))
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert [line.split(" imports ")[1] for line in trespasses()] == [
        "consult.console",
        "llm.engine: only consult.chat.tasks obtains an engine",
        "consult.settings",
    ]


def test_the_web_process_loads_neither_torch_nor_what_opens_files() -> None:
    """What the import table cannot see: the whole site is loaded, every address resolved, and they are absent."""
    code = f"""
import sys
import consult.asgi
from django.urls import get_resolver
get_resolver().url_patterns
import consult.celery_app, consult.chat.tasks
print(sorted(set(sys.modules) & {NEEDS_TORCH | OPENS_FILES!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
