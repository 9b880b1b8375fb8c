"""A log file that never grows past a bound: what a child prints, kept in a few numbered files."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import BinaryIO

MAX_BYTES = 5 * 1024 * 1024
KEPT = 3
TAIL_BYTES = 4096


class RotatingLog:
    """Bytes appended to ``path``; at ``max_bytes`` it becomes ``path.1``, and the oldest of ``kept`` goes.

    Lines are not cut: a file is only changed after a line's end. A full disk loses log lines, never the process.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._file: BinaryIO | None = None
        self._size = 0
        self._at_line_end = True
        self._begun_line = b""
        self._last_lines: deque[str] = deque(maxlen=12)

    def write(self, data: bytes) -> None:
        """Append what a child printed."""
        *lines, self._begun_line = (self._begun_line[-TAIL_BYTES:] + data[-TAIL_BYTES:]).split(b"\n")
        self._last_lines.extend(line.decode(errors="replace") for line in lines if line.strip())
        try:
            if self._size >= self._max_bytes and self._at_line_end:
                self._rotate()
            if self._file is None:
                self._open()
            assert self._file is not None
            self._file.write(data)
            self._size += len(data)
            self._at_line_end = data.endswith(b"\n")
        except OSError:
            self.close()  # tried again at the next write

    def last_lines(self) -> list[str]:
        """The newest lines, for saying why a process would not start."""
        begun = [self._begun_line.decode(errors="replace")] if self._begun_line.strip() else []
        return [*self._last_lines, *begun]

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                pass  # the disk is full; there is nothing left to save
            self._file = None

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._size = os.fstat(descriptor).st_size

    def _rotate(self) -> None:
        self.close()
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        self._size = 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")
