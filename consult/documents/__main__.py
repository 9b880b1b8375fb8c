"""The child process: ``python -m consult.documents clean|read KIND MEMORY CPU_S PIXELS PAGES UNPACKED CHARS``.

The file comes by standard input; out go one line of JSON and, for ``clean``, the bytes. A refusal is a normal end.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from consult.documents.confine import confine
from consult.documents.types import Kind, Limits, Reason, Refused


def main(arguments: list[str]) -> None:
    """Do it, and write the answer."""
    verb, kind = arguments[0], Kind(arguments[1])
    memory, cpu_s, *rest = map(int, arguments[2:])
    confine(memory, cpu_s)
    data = sys.stdin.buffer.read()
    try:
        head, body = _clean(data, kind, Limits(*rest)) if verb == "clean" else _read(data, kind, Limits(*rest))
    except Refused as refused:
        head, body = {"refused": refused.reason}, b""
    except (MemoryError, RecursionError):
        head, body = {"refused": Reason.HEAVY}, b""
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + body)


def _clean(data: bytes, kind: Kind, limits: Limits) -> tuple[dict[str, object], bytes]:
    # Imported after the limits are on, and only what is needed: a refusal must be quick.
    if kind == Kind.PDF:
        from consult.documents import papers

        done = papers.clean(data, limits)
    else:
        from consult.documents import pictures

        done = pictures.clean(data, kind, limits)
    return {"kind": done.kind, "pages": done.pages}, done.data


def _read(data: bytes, kind: Kind, limits: Limits) -> tuple[dict[str, object], bytes]:
    from consult.documents import reading

    return asdict(reading.read(data, kind, limits)), b""


if __name__ == "__main__":
    main(sys.argv[1:])
