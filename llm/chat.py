"""``python -m llm chat``: talk to the engine in a terminal. Ctrl-C stops an answer, Ctrl-D ends the talk.

The bare engine: no library, no triage, no guard. For those who tune and serve models, never for patients.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from llm.config import EngineConfig
from llm.engine import open_engine
from llm.types import ChatMessage, Engine, EngineError, Request, Sampling

NOTICE = "The bare model: nothing checks what it says. Ctrl-C stops an answer, Ctrl-D ends."


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("chat", help="talk to the model in the terminal")
    parser.add_argument("--system", default="You are a careful health assistant. Answer in plain short sentences.")
    parser.add_argument("--adapter", help='a loaded adapter\'s name; "" is the bare base')
    parser.add_argument("--max-new-tokens", type=int, default=256)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--repetition-penalty", type=float, default=1.1)
    parser.add_argument("--seed", type=int)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    sampling = Sampling(
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature,
        top_p=options.top_p,
        repetition_penalty=options.repetition_penalty,
        seed=options.seed,
    )
    engine = open_engine(EngineConfig.from_env(os.environ, Path.cwd()))
    try:
        print(NOTICE)
        talk(engine, options.system, sampling, options.adapter, sys.stdin, sys.stdout)
    finally:
        engine.close()
    return 0


def talk(
    engine: Engine, system: str, sampling: Sampling, adapter: str | None, lines: Iterable[str], out: TextIO
) -> None:
    """Read a question a line and write the answers, keeping the conversation."""
    turns = [ChatMessage("system", system)] if system else []
    out.write("> ")
    out.flush()
    for number, line in enumerate(lines):
        if line.strip():
            turns.append(ChatMessage("user", line.strip()))
            turns.append(
                ChatMessage(
                    "assistant", _answer(engine, Request(f"chat-{number}", tuple(turns), sampling, adapter), out)
                )
            )
        out.write("> ")
        out.flush()
    out.write("\n")


def _answer(engine: Engine, request: Request, out: TextIO) -> str:
    pieces: list[str] = []
    try:
        for chunk in engine.stream(request):
            pieces.append(chunk.text)
            out.write(chunk.text)
            out.flush()
    except KeyboardInterrupt:
        engine.cancel(request.id)
        out.write(" [stopped]")
    except EngineError as error:
        out.write(f"[{error}]")
    out.write("\n")
    return "".join(pieces)
