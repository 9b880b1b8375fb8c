"""Concepts found in tokenised text. A concept is a name for many ways of saying one thing; knows nothing of medicine.

A pattern is words as patients write them, matched by stem and with one slip of the pen forgiven in long words:

    crushing | chest pain           words in a row (Chinese: characters in a row)
    (pain|ache|hurts) [really] bad  alternatives, optional words
    =hit                            this form only, not "hits" or "hitting"
    diarrh*                         any ending
    .. and ....                     up to two, up to four other words between (none of them "not" or "no")
    #                               a number
    <chest>                         another concept
    <chest> ~ <pain>                both in one sentence, any order, at most 6 words apart; "~12" says another distance
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from consult.safety.text import Text, stem, tokenise

NEAR = 6.0
_GAP_STOPPERS = frozenset(
    [
        "no",
        "not",
        "never",
        "without",
        "isnt",
        "dont",
        "doesnt",
        "didnt",
        "havent",
        "hasnt",
        "nor",
        "没",
        "无",
        "不",
        "未",
    ]
)
_ELEMENT = re.compile(r"<([a-z0-9_]+)>|(\.{2,4})|([()|\[\]])|(=?[a-z0-9']+\*?|#)|([\u3400-\u9fff])")
_FUZZY_FROM = 6  # letters: shorter words have too many neighbours


class PatternError(ValueError):
    """A pattern that cannot be read, with the pattern in the message."""


class Hit(NamedTuple):
    """Tokens ``start`` to ``end`` (exclusive); ``parts`` are the stretches that matched, without what lay between."""

    start: int
    end: int
    parts: tuple[tuple[int, int], ...]


Hits = dict[str, list[Hit]]
_Edges = list[list[tuple[str, int]]]  # for each token, the trie edges that may be followed there, and where they end


class _Node:
    """A place inside patterns; ``next`` leads on by a word's stem, "=word", "prefix*", "#" or "<concept>"."""

    __slots__ = ("ends", "gaps", "next", "own")

    def __init__(self) -> None:
        self.next: dict[str, list[_Node]] = {}
        self.own: dict[str, _Node] = {}  # the children that are reached from here only, shared between patterns
        self.gaps: list[tuple[int, _Node]] = []
        self.ends: list[str] = []


@dataclass(frozen=True, slots=True)
class _Choice:
    """One of several rows of items; with ``optional`` none of them will do too."""

    rows: tuple[tuple[str | _Choice, ...], ...]
    optional: bool


_Row = tuple[str | _Choice, ...]


@dataclass(slots=True)
class _Concept:
    rows: list[_Row] = field(default_factory=list)
    near: list[tuple[tuple[str, ...], tuple[float, ...]]] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)


def _parse(pattern: str) -> _Choice:
    elements = [found.group() for found in _ELEMENT.finditer(pattern)]
    if re.sub(r"\s", "", pattern) != "".join(elements) or not elements:
        raise PatternError(f"cannot read pattern {pattern!r}")
    choice, rest = _parse_choice(elements, 0, pattern, optional=False)
    if rest != len(elements):
        raise PatternError(f"unbalanced brackets in pattern {pattern!r}")
    return choice


def _parse_choice(elements: list[str], at: int, pattern: str, *, optional: bool) -> tuple[_Choice, int]:
    rows: list[_Row] = []
    row: list[str | _Choice] = []
    while at < len(elements) and elements[at] not in (")", "]"):
        element = elements[at]
        if element in ("(", "["):
            inner, at = _parse_choice(elements, at + 1, pattern, optional=element == "[")
            if at >= len(elements) or elements[at] != (")" if element == "(" else "]"):
                raise PatternError(f"unbalanced brackets in pattern {pattern!r}")
            row.append(inner)
        elif element == "|":
            rows.append(tuple(row))
            row = []
        else:
            row += _literal(element)
        at += 1
    return _Choice((*rows, tuple(row)), optional), at


def _literal(element: str) -> tuple[str, ...]:
    if element[0] in "<.#=" or element.endswith("*"):
        return (element.replace("'", ""),)
    return tuple(stem(word) for word in tokenise(element).words)


def _literals(row: _Row) -> Iterator[str]:
    for item in row:
        if isinstance(item, str):
            yield item
        else:
            for inner in item.rows:
                yield from _literals(inner)


class Grammar:
    """Named concepts. Add patterns, ``compile``, then ``match``. Raises PatternError for what cannot be read."""

    def __init__(
        self,
        concepts: Mapping[str, Sequence[str]],
        builtin: frozenset[str] = frozenset(),
        real_words: frozenset[str] = frozenset(),
    ) -> None:
        self._builtin = builtin
        self._real_words = real_words
        self._concepts: dict[str, _Concept] = {name: _Concept() for name in concepts}
        for name, patterns in concepts.items():
            for pattern in patterns:
                self._add(name, pattern)

    def known(self, name: str) -> bool:
        """Whether ``name`` is a concept of this grammar."""
        return name in self._concepts or name in self._builtin

    def atom(self, pattern: str) -> str:
        """The concept that ``pattern`` names, made on the spot where the pattern is more than ``<name>``."""
        if alias := re.fullmatch(r"<([a-z0-9_]+)>", pattern.strip()):
            return alias[1]
        name = "@" + pattern.strip()
        if name not in self._concepts:
            self._concepts[name] = _Concept()
            self._add(name, pattern)
        return name

    def compile(self) -> None:
        """Check every reference and build the tries. Raises PatternError."""
        self._depths = self._order()
        self._referenced: set[str] = set()
        self._prefixes: dict[str, str] = {}
        self._tries = [_Node() for _ in range(1 + max(self._depths.values(), default=0))]
        self._joined: list[dict[str, list[str]]] = [{} for _ in self._tries]  # by depth: a need, who is made with it
        for name, concept in self._concepts.items():
            for row in concept.rows:
                self._insert(name, row)
            for need in (*concept.aliases, *(atoms[0] for atoms, _ in concept.near)):
                self._joined[self._depths[name]].setdefault(need, []).append(name)
        self._vocabulary = frozenset(
            part.lstrip("=")
            for concept in self._concepts.values()
            for row in concept.rows
            for part in _literals(row)
            if part[0] not in "<.#"
        )
        self._slips = _slips(word for word in self._vocabulary if len(word) >= _FUZZY_FROM - 1)
        self.keys = lru_cache(maxsize=50_000)(self._keys)

    def _add(self, name: str, pattern: str) -> None:
        concept = self._concepts[name]
        pieces = re.split(r"\s*~(\d*)\s*", pattern.strip())
        if len(pieces) > 1:
            atoms = tuple(self.atom(piece) for piece in pieces[::2])
            concept.near.append((atoms, tuple(float(d) if d else NEAR for d in pieces[1::2])))
        elif alias := re.fullmatch(r"<([a-z0-9_]+)>", pattern.strip()):
            concept.aliases.append(alias[1])
        else:
            concept.rows += _parse(pattern).rows

    def _needs(self, name: str) -> set[str]:
        concept = self._concepts[name]
        needs = {*concept.aliases, *(atom for atoms, _ in concept.near for atom in atoms)}
        return needs | {part[1:-1] for row in concept.rows for part in _literals(row) if part[0] == "<"}

    def _order(self) -> dict[str, int]:
        depths = dict.fromkeys(self._builtin, 0)
        visiting: set[str] = set()

        def depth(name: str) -> int:
            if name in depths:
                return depths[name]
            if name not in self._concepts:
                raise PatternError(f"unknown concept <{name}>")
            if name in visiting:
                raise PatternError(f"concept <{name}> is defined by itself")
            visiting.add(name)
            depths[name] = max((depth(need) + 1 for need in self._needs(name)), default=0)
            return depths[name]

        for name in self._concepts:
            try:
                depth(name)
            except PatternError as error:
                raise PatternError(f"{error} (in {name.removeprefix('@')!r})") from None
        return depths

    def _insert(self, name: str, row: _Row) -> None:
        refs = {part[1:-1] for part in _literals(row) if part[0] == "<"}
        self._referenced |= refs
        root = self._tries[max((self._depths[ref] + 1 for ref in refs), default=0)]
        ends = self._grow([root], row)
        if root in ends:
            raise PatternError(f"a pattern of {name.removeprefix('@')!r} can match nothing at all")
        for node in ends:
            node.ends.append(name)

    def _grow(self, frontier: list[_Node], row: _Row) -> list[_Node]:
        """The nodes where ``row`` ends, begun at any node of ``frontier``."""
        for item in row:
            if isinstance(item, _Choice):
                grown = [node for inner in item.rows for node in self._grow(frontier, inner)]
                frontier = grown + frontier if item.optional else grown
            else:
                frontier = [self._step(frontier, item)]
        return frontier

    def _step(self, frontier: list[_Node], item: str) -> _Node:
        if item.endswith("*"):
            self._prefixes[item[:-1]] = item
        if len(frontier) == 1 and item in frontier[0].own:
            return frontier[0].own[item]
        node = _Node()
        for before in frontier:
            if item[0] == ".":
                before.gaps.append((2 if len(item) < 4 else 4, node))
            else:
                before.next.setdefault(item, []).append(node)
        if len(frontier) == 1:
            frontier[0].own[item] = node
        return node

    def _keys(self, word: str) -> tuple[str, ...]:
        """The trie edges that a written word may follow."""
        if word[0].isdigit():
            return ("#", word)
        root = stem(word)
        keys = [root, "=" + word] if root != word or word.isascii() else [word]
        keys += [mark for start, mark in self._prefixes.items() if word.startswith(start)]
        if (
            len(word) >= _FUZZY_FROM
            and len(keys) == 2
            and root not in self._vocabulary
            and word not in self._vocabulary
            and word not in self._real_words
            and root not in self._real_words
        ):
            keys += self._respelled(root)
        return tuple(keys)

    def _respelled(self, root: str) -> list[str]:
        """Words of the vocabulary one letter (changed, lost, added or swapped with its neighbour) from ``root``."""
        near = {word for cut in _cuts(root) for word in self._slips.get(cut, ())}
        return sorted(
            word
            for word in near
            if word[0] == root[0]
            and _one_slip(word, root)
            and (len(root) >= _FUZZY_FROM or len(word) != len(root) or sorted(word) == sorted(root))
        )

    def match(self, text: Text, given: Hits | None = None) -> Hits:
        """Every concept in ``text``, without doubles. ``given`` holds the hits of built-in concepts."""
        hits: Hits = {name: list(found) for name, found in (given or {}).items()}
        at: _Edges = [[(key, i + 1) for key in self.keys(word)] for i, word in enumerate(text.words)]
        for name in self._referenced & hits.keys():
            for hit in hits[name]:
                at[hit.start].append((f"<{name}>", hit.end))
        for depth, trie in enumerate(self._tries):
            new = _walk_all(trie.next, text, at)
            joined = self._joined[depth]
            for name in dict.fromkeys(name for need in hits if need in joined for name in joined[need]):
                self._join(name, text, hits, new)
            self._keep(new, hits, at)
        return hits

    def _join(self, name: str, text: Text, hits: Hits, new: list[tuple[str, Hit]]) -> None:
        concept = self._concepts[name]
        for alias in concept.aliases:
            new += [(name, hit) for hit in hits.get(alias, ())]
        for atoms, distances in concept.near:
            if all(atom in hits for atom in atoms):
                new += [(name, hit) for hit in _near(text, [hits[atom] for atom in atoms], distances)]

    def _keep(self, new: list[tuple[str, Hit]], hits: Hits, at: _Edges) -> None:
        for name, hit in dict.fromkeys(new):
            hits.setdefault(name, []).append(hit)
            if name in self._referenced:
                at[hit.start].append((f"<{name}>", hit.end))


def _walk_all(root: dict[str, list[_Node]], text: Text, at: _Edges) -> list[tuple[str, Hit]]:
    found: list[tuple[str, Hit]] = []
    size, sentences = len(text), text.sentence
    for start, edges in enumerate(at):
        stack = [(node, end) for edge, end in edges if edge in root for node in root[edge]]
        if not stack:
            continue
        sentence = sentences[start]
        been = set()
        while stack:
            place = node, here = stack.pop()
            if place in been:
                continue
            been.add(place)
            if node.ends:
                hit = Hit(start, here, ((start, here),))
                found += [(name, hit) for name in node.ends]
            if here < size and sentences[here] == sentence:
                if node.next:
                    _follow(node.next, at[here], stack)
                for reach, after in node.gaps:
                    _skip(after.next, reach, here, text, at, stack)
    return found


def _follow(onward: dict[str, list[_Node]], edges: list[tuple[str, int]], stack: list[tuple[_Node, int]]) -> None:
    for edge, end in edges:
        if edge in onward:
            stack += [(node, end) for node in onward[edge]]


def _skip(
    onward: dict[str, list[_Node]], reach: int, here: int, text: Text, at: _Edges, stack: list[tuple[_Node, int]]
) -> None:
    words, places, sentences = text.words, text.place, text.sentence
    limit, sentence, size = places[here] + reach, sentences[here], len(words)
    while here < size and sentences[here] == sentence and places[here] <= limit:
        _follow(onward, at[here], stack)
        if words[here] in _GAP_STOPPERS:
            return
        here += 1


def _near(text: Text, columns: list[list[Hit]], distances: tuple[float, ...]) -> list[Hit]:
    joined = columns[0]
    for column, reach in zip(columns[1:], distances, strict=True):
        joined = [_merge(one, other) for one in joined[:80] for other in column[:80] if _close(text, one, other, reach)]
    return joined


def _close(text: Text, one: Hit, other: Hit, reach: float) -> bool:
    first, second = (one, other) if one.start <= other.start else (other, one)
    if text.sentence[first.start] != text.sentence[second.start]:
        return False
    if any(a < d and c < b for a, b in one.parts for c, d in other.parts):
        return False
    return second.start < first.end or text.place[second.start] - text.place[first.end - 1] <= reach + 1


def _merge(one: Hit, other: Hit) -> Hit:
    parts = tuple(sorted({*one.parts, *other.parts}))
    return Hit(min(one.start, other.start), max(one.end, other.end), parts)


def _cuts(word: str) -> set[str]:
    return {word} | {word[:i] + word[i + 1 :] for i in range(len(word))}


def _slips(words: Iterable[str]) -> dict[str, list[str]]:
    index: dict[str, list[str]] = {}
    for word in words:
        for cut in _cuts(word):
            index.setdefault(cut, []).append(word)
    return index


def _one_slip(one: str, other: str) -> bool:
    if len(one) == len(other):
        wrong = [i for i in range(len(one)) if one[i] != other[i]]
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1 and one[wrong[0]] == other[wrong[1]]
        return len(wrong) <= 1 or (swapped and one[wrong[1]] == other[wrong[0]])
    short, long = sorted((one, other), key=len)
    return len(long) - len(short) == 1 and any(short == long[:i] + long[i + 1 :] for i in range(len(long)))
