"""The rule files: read strictly, checked whole, compiled once. Knows the shape of a rule, nothing of any sign.

Anything odd stops the start-up with file and line: an unknown key, a missing example, a doubled id, a level that does
not exist, a pattern that cannot be read. Message keys are not checked here; they belong to messages/*.toml.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from consult.safety.facts import BUILTIN
from consult.safety.patterns import Grammar, PatternError
from consult.safety.scopes import KINDS
from consult.safety.types import Level, Profile, Turn

FOLDER = Path(__file__).parent / "rules"
MIN_MATCH, MIN_NO_MATCH = 3, 2

Part = tuple[str, ...]  # concepts that must be seen in one message
Sign = tuple[Part, ...]  # parts that must each be seen somewhere in the conversation


class RulesError(Exception):
    """A rule file that must not be used. The message starts with file:line."""


@dataclass(frozen=True, slots=True)
class Example:
    """A conversation that must, or must not, make the rule fire."""

    turns: tuple[Turn, ...]
    profile: Profile | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One red flag (or calmer sign) as a clinician signs it off. ``written`` are its signs as the file has them."""

    id: str
    title: str
    title_zh: str
    level: Level
    idea: str
    idea_zh: str
    source: str
    owner: str
    review: date
    message: str
    written: tuple[str, ...]
    signs: tuple[Sign, ...]
    unless: tuple[str, ...]
    despite: frozenset[str]
    age_under: float | None
    age_over: float | None
    sex: Literal["female", "male"] | None
    match: tuple[Example, ...]
    no_match: tuple[Example, ...]
    file: str


@dataclass(frozen=True, slots=True)
class Ruleset:
    """All rules with the grammar that finds their concepts. ``version`` changes with any byte of the files."""

    rules: tuple[Rule, ...]
    grammar: Grammar
    despite: Mapping[str, frozenset[str]]
    context: frozenset[str]
    version: str


_FILE_KEYS = {"owner", "review", "source", "rule", "concepts", "despite", "context", "real_words"}
_RULE_KEYS = {
    "id",
    "title",
    "title_zh",
    "level",
    "idea",
    "idea_zh",
    "source",
    "owner",
    "review",
    "message",
    "signs",
    "unless",
    "despite",
    "age_under",
    "age_over",
    "sex",
    "match",
    "no_match",
}
_NEEDED = (
    "id", "title", "title_zh", "level", "idea", "idea_zh", "source", "owner", "review", "signs", "match", "no_match",
)  # fmt: skip
_EXAMPLE_KEYS = {"text", "turns", "profile"}
_ID = re.compile(r"[a-z]+\.[a-z0-9_]+")


@dataclass(slots=True)
class _File:
    path: Path
    text: str
    data: dict[str, Any]

    def error(self, near: str, problem: str) -> RulesError:
        """A RulesError at the first line that holds ``near`` (line 1 where none does)."""
        for number, line in enumerate(self.text.splitlines(), start=1):
            if near and near in line:
                return RulesError(f"{self.path.name}:{number}: {problem}")
        return RulesError(f"{self.path.name}:1: {problem}")


@lru_cache(maxsize=1)
def ruleset() -> Ruleset:
    """The rules that came with the product, read once. Raises RulesError."""
    return load(FOLDER)


def load(folder: Path) -> Ruleset:
    """Read every ``*.toml`` of ``folder``. Raises RulesError for anything that is not exactly as it should be."""
    files = [_read(path) for path in sorted(folder.glob("*.toml"))]
    if not files:
        raise RulesError(f"{folder.name}:1: no rule files")
    concepts = _concepts(files)
    try:
        grammar = Grammar(concepts, BUILTIN, _real_words(files))
    except PatternError as error:
        raise _pattern_error(files, str(error)) from None
    rules = _rules(files, grammar)
    try:
        grammar.compile()
    except PatternError as error:
        raise _pattern_error(files, str(error)) from None
    despite, context = _scope_tables(files, grammar)
    digest = hashlib.sha256(b"".join(file.text.encode() for file in files)).hexdigest()
    return Ruleset(tuple(rules), grammar, despite, context, f"rules-{digest[:12]}")


def _read(path: Path) -> _File:
    text = path.read_text(encoding="utf-8")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise RulesError(f"{path.name}:{line[1] if line else 1}: {error}") from None
    file = _File(path, text, data)
    for key in data.keys() - _FILE_KEYS:
        raise file.error(key, f"unknown key {key!r}")
    return file


def _concepts(files: Sequence[_File]) -> dict[str, list[str]]:
    concepts: dict[str, list[str]] = {}
    for file in files:
        for name, patterns in file.data.get("concepts", {}).items():
            if name in concepts or name in BUILTIN:
                raise file.error(f"{name} = ", f"concept {name!r} is defined twice")
            if not isinstance(patterns, list) or not patterns or not all(isinstance(p, str) and p for p in patterns):
                raise file.error(f"{name} = ", f"concept {name!r} must be a list of patterns")
            concepts[name] = patterns
    return concepts


def _real_words(files: Sequence[_File]) -> frozenset[str]:
    return frozenset(word for file in files for line in file.data.get("real_words", ()) for word in line.split())


def _pattern_error(files: Sequence[_File], problem: str) -> RulesError:
    quoted = re.findall(r"['<\"]([^'\">]+)['>\"]", problem)
    for near in reversed(quoted):
        for file in files:
            if near in file.text:
                return file.error(near, problem)
    return files[0].error("", problem)


def _scope_tables(files: Sequence[_File], grammar: Grammar) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    despite: dict[str, frozenset[str]] = {}
    context: set[str] = set()
    for file in files:
        for name, kinds in file.data.get("despite", {}).items():
            if not grammar.known(name) or set(kinds) - set(KINDS):
                raise file.error(f"{name} = ", f"despite: unknown concept or kind in {name!r} = {kinds!r}")
            despite[name] = frozenset(kinds)
        for name in file.data.get("context", ()):
            if not grammar.known(name):
                raise file.error(name, f"context: unknown concept {name!r}")
            context.add(name)
    return despite, frozenset(context)


def _rules(files: Sequence[_File], grammar: Grammar) -> list[Rule]:
    rules: list[Rule] = []
    seen: set[str] = set()
    for file in files:
        for table in file.data.get("rule", ()):
            rule = _rule(file, table, grammar)
            if rule.id in seen:
                raise file.error(f'id = "{rule.id}"', f"rule id {rule.id!r} is used twice")
            seen.add(rule.id)
            rules.append(rule)
    return rules


def _rule(file: _File, table: dict[str, Any], grammar: Grammar) -> Rule:
    near = f'id = "{table.get("id", "")}"'
    for key in table.keys() - _RULE_KEYS:
        raise file.error(near, f"unknown key {key!r}")
    table = {key: file.data[key] for key in ("owner", "review", "source") if key in file.data} | table
    for key in _NEEDED:
        if not table.get(key):
            raise file.error(near, f"missing {key!r}")
    fault = _fault(table)
    if fault:
        raise file.error(near, fault)
    try:
        signs = tuple(_sign(grammar, written) for written in table["signs"])
        unless = tuple(grammar.atom(pattern) for pattern in table.get("unless", ()))
    except PatternError as error:
        raise file.error(near, str(error)) from None
    return Rule(
        id=table["id"],
        title=table["title"],
        title_zh=table["title_zh"],
        level=Level(table["level"]),
        idea=table["idea"],
        idea_zh=table["idea_zh"],
        source=table["source"],
        owner=table["owner"],
        review=table["review"],
        message=table.get("message", ""),
        written=tuple(table["signs"]),
        signs=signs,
        unless=unless,
        despite=frozenset(table.get("despite", ())),
        age_under=table.get("age_under"),
        age_over=table.get("age_over"),
        sex=table.get("sex"),
        match=tuple(_example(file, near, row) for row in table["match"]),
        no_match=tuple(_example(file, near, row) for row in table["no_match"]),
        file=file.path.name,
    )


def _fault(table: dict[str, Any]) -> str:
    """What is wrong with the values of a rule, or nothing."""
    checks: tuple[tuple[Callable[[], bool], str], ...] = (
        (lambda: bool(_ID.fullmatch(table["id"])), f"bad id {table['id']!r}: write body.sign"),
        (lambda: table["level"] in set(Level), f"bad level {table['level']!r}"),
        (lambda: isinstance(table["review"], date), f"review must be a date, not {table['review']!r}"),
        (lambda: len(table["match"]) >= MIN_MATCH, f"needs at least {MIN_MATCH} examples that match"),
        (lambda: len(table["no_match"]) >= MIN_NO_MATCH, f"needs at least {MIN_NO_MATCH} examples that must not match"),
        (lambda: set(table.get("despite", ())) <= set(KINDS), f"unknown scope in despite {table.get('despite')!r}"),
        (lambda: table.get("sex") in (None, "female", "male"), f"bad sex {table.get('sex')!r}"),
        (
            lambda: all(isinstance(table.get(key, 0), int | float) for key in ("age_under", "age_over")),
            "ages are numbers of years",
        ),
    )
    return next((problem for holds, problem in checks if not holds()), "")


def _sign(grammar: Grammar, written: str) -> Sign:
    sign = tuple(
        tuple(grammar.atom(atom) for atom in re.split(r"\s*&\s*", part))
        for part in re.split(r"\s*\+\s*", written.strip())
    )
    for part in sign:
        for atom in part:
            if not grammar.known(atom):
                raise PatternError(f"unknown concept <{atom}>")
    return sign


def _example(file: _File, near: str, row: object) -> Example:
    if isinstance(row, str):
        return Example((Turn("patient", row),), None)
    if not isinstance(row, dict) or row.keys() - _EXAMPLE_KEYS or ("text" in row) == ("turns" in row):
        raise file.error(near, f"an example is a text, or a table of {sorted(_EXAMPLE_KEYS)}")
    turns = tuple(Turn("patient", text) for text in row.get("turns", [row.get("text")]))
    return Example(turns, profile_from(row["profile"]) if "profile" in row else None)


def profile_from(table: Mapping[str, Any]) -> Profile:
    """A Profile from plain data, lists made tuples. Raises ValueError for a key that is no field of a profile."""
    names = {field.name for field in fields(Profile)}
    if unknown := set(table) - names:
        raise ValueError(f"unknown profile keys {sorted(unknown)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    return Profile(**values)
