"""``python -m llm <command>``: one thin door over the modules that do the work.

Each module in COMMANDS has ``add_parser(subparsers)``, which sets ``run``; it is imported only when its command
is named (or all of them for ``--help``), so that ``convert`` needs no training library.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "convert": "llm.convert",
    "models": "llm.models",
    "chat": "llm.chat",
    "bench": "bench.run",
    "train": "llm.train.command",
    "evaluate": "llm.evaluate.command",
    "data": "llm.data.command",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is its own."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m llm", description=__doc__.splitlines()[0] if __doc__ else None)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    named = next((word for word in words if word in COMMANDS), None)
    for module in [COMMANDS[named]] if named else COMMANDS.values():
        importlib.import_module(module).add_parser(subparsers)
    options = parser.parse_args(words)
    status = options.run(options)
    return int(status or 0)


if __name__ == "__main__":
    sys.exit(main())
