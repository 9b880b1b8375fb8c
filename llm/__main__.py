"""``python -m llm <command>``: one thin door over the modules that do the work.

Each module in COMMANDS has ``add_parser(subparsers)``, which sets ``run``; it is imported only when its command
is named, so that ``convert`` needs no training library.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

COMMANDS = {
    "convert": ("llm.convert", "write the packaged weights into a model folder, once"),
    "models": ("llm.models", "list the bases and adapters that are here"),
    "chat": ("llm.chat", "talk to the model in the terminal"),
    "bench": ("bench.run", "measure the engine against others on this machine"),
    "train": ("llm.train.command", "tune an adapter"),
    "evaluate": ("llm.evaluate.command", "judge a base and an adapter"),
    "data": ("llm.data.command", "build and check training data"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is its own."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python -m llm", description="Serve, tune and judge language models.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    named = words[0] if words and words[0] in COMMANDS else None
    for command, (module, summary) in COMMANDS.items():
        if command == named:
            importlib.import_module(module).add_parser(subparsers)
        else:
            subparsers.add_parser(command, help=summary)
    options = parser.parse_args(words)
    return int(options.run(options) or 0)


if __name__ == "__main__":
    sys.exit(main())
