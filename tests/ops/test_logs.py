"""Log files stay small and never stop a process."""

from __future__ import annotations

import stat
from pathlib import Path

from consult.supervise.logs import RotatingLog


def test_a_full_file_is_set_aside_and_the_oldest_goes(var: Path) -> None:
    log = RotatingLog(var / "web.log", max_bytes=10, kept=2)
    for word in ("first", "second", "third", "fourth"):
        log.write(f"{word} line\n".encode())
    log.close()
    assert (var / "web.log").read_text() == "fourth line\n"
    assert (var / "web.log.1").read_text() == "third line\n"
    assert (var / "web.log.2").read_text() == "second line\n"
    assert not (var / "web.log.3").exists()


def test_a_line_is_never_cut_in_two_files(var: Path) -> None:
    log = RotatingLog(var / "web.log", max_bytes=4)
    log.write(b"half of a ")
    log.write(b"line\n")
    log.write(b"next\n")
    assert (var / "web.log.1").read_text() == "half of a line\n"


def test_a_new_supervisor_goes_on_in_the_same_file(var: Path) -> None:
    (var / "web.log").write_text("yesterday\n")
    log = RotatingLog(var / "web.log")
    log.write(b"today\n")
    assert (var / "web.log").read_text() == "yesterday\ntoday\n"


def test_only_the_owner_may_read_a_log(var: Path) -> None:
    RotatingLog(var / "web.log").write(b"line\n")
    assert stat.S_IMODE((var / "web.log").stat().st_mode) == 0o600


def test_a_disk_that_takes_nothing_is_no_error_and_the_newest_lines_are_kept() -> None:
    log = RotatingLog(Path("/dev/full"))
    log.write(b"the model file is missing\n")
    assert log.last_lines() == ["the model file is missing"]


def test_a_line_that_comes_in_pieces_is_one_line() -> None:
    log = RotatingLog(Path("/dev/null"))
    for piece in (b"no ", b"weights", b"\nand then"):
        log.write(piece)
    assert log.last_lines() == ["no weights", "and then"]
