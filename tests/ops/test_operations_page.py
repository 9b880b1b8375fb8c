"""docs/operations.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from consult import supervisor
from consult.supervise import logs, plan, process
from consult.supervise.site import Site
from tests.environment import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()
PLAIN = Site(Path("/x"), 8000, {})


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first column is called ``heading``."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", PAGE, re.M)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def test_every_process_is_listed_with_its_grace() -> None:
    told = {name.strip("`"): float(grace.removesuffix(" s")) for name, _what, grace in rows("Process")}
    assert told == {spec.name: spec.grace_s for spec in plan.processes(PLAIN, Path("/valkey"))}


def test_every_setting_of_the_supervisor_is_listed_and_read() -> None:
    told = {name.strip("`") for name, *_ in rows("Setting")}
    code = "\n".join(path.read_text() for path in (ROOT / "consult" / "supervise").glob("*.py"))
    read = set(re.findall(r'environ\.get\("([A-Z_]+)"\)', code))
    assert told - {"DATABASE_URL"} == read


def test_the_orders_shown_are_the_orders_there_are() -> None:
    shown = set(re.findall(r"consult\.supervisor (\w+)", PAGE))
    assert shown == {*supervisor.VERBS_WITH_NAME, "status", "shutdown"}


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"{process.FIRST_DELAY_S} s, then 1, 2, 4 ... {process.LONGEST_DELAY_S:.0f} s" in PAGE
    assert logs.MAX_BYTES == 5 * 1024**2
    assert "5 MiB, three older ones kept" in PAGE
    assert logs.KEPT == 3
