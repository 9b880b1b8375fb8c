"""One side of the bench in a process of its own: ``python -m bench.sides SIDE MODEL CHATS... ``.

Prints one line of JSON for each number of chats. A process a side, so that peak memory is that side's and no
side's threads disturb another's. Sides: ours, ours-plain (no guessing ahead), ours-exact (no 8-bit
products), ours-int8, ours-nf4, sequential,
padded (transformers' ``generate``), llamacpp (the server in the ``xllamacpp`` wheel), and the extra measurements
prefix, cancel and prefill.
"""

from __future__ import annotations

import http.client
import json
import os
import resource
import secrets
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.prompts import SYSTEM, prompts

PROMPT_TOKENS = 400
NEW_TOKENS = 64
# ``generate`` one after another is as fast in all with 4 chats as with 32; waiting for 32 measures patience.
SEQUENTIAL_MOST = 4
# What guessing ahead gains differs by text, so one chat is asked several prompts in turn, and the middle one counts.
ALONE = 5
THREADS = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)

Stamps = list[float]


def measure(chats: int, ask: Callable[[int], Iterator[int]]) -> dict[str, Any]:
    """Let ``chats`` threads ask at once. ``ask(i)`` yields the number of tokens so far as they come."""
    barrier = threading.Barrier(chats + 1)
    stamps: list[list[tuple[float, int]]] = [[] for _ in range(chats)]

    def one(number: int) -> None:
        barrier.wait()
        for tokens in ask(number):
            stamps[number].append((time.perf_counter(), tokens))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(chats)]
    for thread in threads:
        thread.start()
    barrier.wait()
    begun, worked = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    return figures(begun, stamps, time.process_time() - worked)


def usual(chats: int, texts: list[str], ask: Callable[[str], Iterator[int]]) -> dict[str, Any]:
    """``chats`` of the ``texts``, taken off their end, asked at once; one chat ALONE times, and the middle run."""
    runs = []
    for _ in range(ALONE if chats == 1 else 1):
        mine = [texts.pop() for _ in range(chats)]
        runs.append(measure(chats, lambda i, mine=mine: ask(mine[i])))  # type: ignore[misc]
    return sorted(runs, key=lambda run: float(run["total"]))[len(runs) // 2]


def _needed(chats: list[int]) -> int:
    """Prompts for a warm-up and for every run; none is asked twice, for its keys would be remembered."""
    return 1 + sum(ALONE if number == 1 else number for number in chats)


def figures(begun: float, stamps: list[list[tuple[float, int]]], worked: float) -> dict[str, Any]:
    """The columns: times in seconds, speeds in tokens a second. ``stamps``: (when, tokens so far) of each chat.

    ``worked``: processor seconds. Tokens a processor second, with one thread, say what a side would do on a core
    of its own even where the machine is busy with other things.
    """
    firsts = sorted(chat[0][0] - begun for chat in stamps)
    ends = [chat[-1][0] for chat in stamps]
    speeds = [(chat[-1][1] - chat[0][1]) / (chat[-1][0] - chat[0][0]) for chat in stamps if chat[-1][0] > chat[0][0]]
    total = sum(chat[-1][1] for chat in stamps)
    return {
        "first_p50": statistics.median(firsts),
        "first_p95": firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))],
        "per_chat": statistics.median(speeds) if speeds else 0.0,
        "total": total / (max(ends) - begun),
        "whole_p50": statistics.median(end - begun for end in ends),
        "wall": max(ends) - begun,
        "per_cpu_second": total / worked,
        "tokens": total,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


# -- ours


def ours(model: Path, chats: list[int], **settings: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    from llm.types import ChatMessage, Request, Sampling

    engine = _engine(model, max(chats), **settings)
    texts = prompts(engine.tokenizer, _needed(chats), PROMPT_TOKENS)
    sampling = Sampling(max_new_tokens=NEW_TOKENS)

    def ask(name: str, text: str) -> Iterator[int]:
        turns = (ChatMessage("system", SYSTEM), ChatMessage("user", text))
        for chunk in engine.stream(Request(name, turns, sampling)):
            yield chunk.tokens

    list(ask("warm", texts.pop()))
    for number in chats:
        before = engine.drafted()
        row = usual(number, texts, lambda text: ask(secrets.token_hex(4), text))
        guessed, right = (now - then for now, then in zip(engine.drafted(), before, strict=True))
        yield number, {**row, "guessed": guessed, "right": right}
    engine.close()


def _engine(model: Path, chats: int, **settings: Any) -> Any:
    from llm.config import EngineConfig
    from llm.local import LocalEngine

    return LocalEngine(EngineConfig(base=model, max_chats=chats, **settings))


def prefix(model: Path, chats: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Time to first token of chats that share a system prompt of 300 tokens, one after another."""
    from llm.types import ChatMessage, Request, Sampling

    engine = _engine(model, 1)
    rules = engine.tokenizer.decode(engine.tokenizer.encode(prompts(engine.tokenizer, 1, 400)[0])[:300])
    times = []
    for number in range(6):
        turns = (ChatMessage("system", rules), ChatMessage("user", f"Question {number}: what should I do first?"))
        begun = time.perf_counter()
        stream = engine.stream(Request(f"p{number}", turns, Sampling(max_new_tokens=2)))
        next(stream)
        times.append(time.perf_counter() - begun)
        stream.close()
        if number == 0:  # the very first also warms up: ask with another prompt before counting
            other = (ChatMessage("system", rules[::-1]), turns[1])
            begun = time.perf_counter()
            stream = engine.stream(Request("cold", other, Sampling(max_new_tokens=2)))
            next(stream)
            times[0] = time.perf_counter() - begun
            stream.close()
    engine.close()
    yield 1, {"first": times[0], "later_p50": statistics.median(times[1:])}


def cancel(model: Path, chats: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Gaps between tokens of 8 chats before and after 8 others beside them are cancelled."""
    from llm.types import ChatMessage, Request, Sampling

    engine = _engine(model, 16, draft_tokens=0)
    texts = prompts(engine.tokenizer, 16, PROMPT_TOKENS)
    stamps: list[Stamps] = [[] for _ in texts]

    def one(number: int) -> None:
        turns = (ChatMessage("system", SYSTEM), ChatMessage("user", texts[number]))
        for _ in engine.stream(Request(str(number), turns, Sampling(max_new_tokens=120))):
            stamps[number].append(time.perf_counter())

    threads = [threading.Thread(target=one, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    while min(len(mine) for mine in stamps) < 20:
        time.sleep(0.005)
    cut = time.perf_counter()
    for number in range(8, 16):
        engine.cancel(str(number))
    for thread in threads:
        thread.join()
    engine.close()
    gaps = [(after, after - before) for mine in stamps[:8] for before, after in pairwise(mine)]
    earlier = statistics.median(gap for when, gap in gaps if cut - 1.5 < when <= cut)
    third = [gap for mine in stamps[:8] for gap in _gaps_after(mine, cut)[2:12]]
    second = [gap for mine in stamps[:8] for gap in _gaps_after(mine, cut)[1:2]]
    yield (
        16,
        {
            "gap_before": earlier,
            "gap_second_step_after": statistics.median(second),
            "gap_later": statistics.median(third),
        },
    )


def _gaps_after(mine: Stamps, cut: float) -> list[float]:
    return [after - before for before, after in pairwise(mine) if after > cut]


# -- transformers' generate


def _plain(model: Path) -> tuple[Any, Any]:
    import torch
    import transformers

    from llm.config import EngineConfig
    from llm.loader import choose_placement

    dtype = choose_placement(EngineConfig(base=model)).dtype
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(str(model), padding_side="left")
    network: Any = transformers.AutoModelForCausalLM.from_pretrained(str(model), dtype=dtype)
    torch.set_grad_enabled(False)
    return tokenizer, network


def _inputs(tokenizer: Any, texts: list[str]) -> Any:
    turns = [[{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}] for text in texts]
    return tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True, padding=True
    )


class _Clock:
    """A streamer or stopping criterion that notes the time of each step."""

    def __init__(self) -> None:
        self.steps: Stamps = []

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        self.steps.append(time.perf_counter())
        return torch.zeros(input_ids.shape[0], dtype=torch.bool)


def _generate(network: Any, inputs: Any) -> Stamps:
    clock = _Clock()
    network.generate(
        **inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False, stopping_criteria=[clock]
    )
    return clock.steps


def sequential(model: Path, chats: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    tokenizer, network = _plain(model)
    texts = prompts(tokenizer, max(chats), PROMPT_TOKENS)
    _generate(network, _inputs(tokenizer, texts[:1]))
    for number in chats:
        done = min(number, SEQUENTIAL_MOST)
        begun, worked = time.perf_counter(), time.process_time()
        stamps = []
        for text in texts[:done]:
            steps = _generate(network, _inputs(tokenizer, [text]))
            stamps.append([(when, n + 1) for n, when in enumerate(steps)])
        yield number, {**figures(begun, stamps, time.process_time() - worked), "measured_chats": done}


def padded(model: Path, chats: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    tokenizer, network = _plain(model)
    texts = prompts(tokenizer, max(chats), PROMPT_TOKENS)
    _generate(network, _inputs(tokenizer, texts[:1]))
    for number in chats:
        begun, worked = time.perf_counter(), time.process_time()
        steps = _generate(network, _inputs(tokenizer, texts[:number]))
        stamps = [[(when, n + 1) for n, when in enumerate(steps)]] * number
        yield number, figures(begun, stamps, time.process_time() - worked)


def prefill(model: Path, chats: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The bare forward pass of one prompt by transformers, best of several: what a first token costs at least."""
    tokenizer, network = _plain(model)
    inputs = _inputs(tokenizer, prompts(tokenizer, 1, PROMPT_TOKENS))
    spent = []
    for _ in range(8):
        begun = time.perf_counter()
        network(**inputs, logits_to_keep=1)
        spent.append(time.perf_counter() - begun)
    yield 1, {"raw_prefill": min(spent), "raw_prefill_p50": statistics.median(spent)}


# -- llama.cpp


def llamacpp(model: Path, chats: list[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The packaged GGUF (Q4_1) by llama.cpp's own server over loopback, as many slots as chats."""
    import xllamacpp
    from transformers import AutoTokenizer

    from llm.convert import packaged_gguf

    params = xllamacpp.CommonParams()
    params.model.path = str(packaged_gguf())
    params.n_parallel = max(chats)
    params.n_ctx = max(chats) * (PROMPT_TOKENS + NEW_TOKENS + 48)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.n_gpu_layers = 0
    params.warmup = True
    server = xllamacpp.Server(params)
    address = server.listening_address.split("//")[-1].rstrip("/")
    tokenizer = AutoTokenizer.from_pretrained(str(model))
    texts = prompts(tokenizer, _needed(chats), PROMPT_TOKENS)
    list(_llama_ask(address, texts.pop()))
    for number in chats:
        yield number, usual(number, texts, lambda text: _llama_ask(address, text))


def _llama_ask(address: str, text: str) -> Iterator[int]:
    body = {
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}],
        "max_tokens": NEW_TOKENS,
        "ignore_eos": True,
        "temperature": 0.0,
        "stream": True,
    }
    connection = http.client.HTTPConnection(address, timeout=600)
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    tokens = 0
    for line in connection.getresponse():
        if line.startswith(b"data: {"):
            choices = json.loads(line[6:]).get("choices") or [{}]
            if (choices[0].get("delta") or {}).get("content"):
                tokens += 1
                yield tokens
    connection.close()


SIDES: dict[str, Callable[[Path, list[int]], Iterator[tuple[int, dict[str, Any]]]]] = {
    "ours": ours,
    "ours-plain": lambda model, chats: ours(model, chats, draft_tokens=0),
    "ours-exact": lambda model, chats: ours(model, chats, products="exact"),
    "ours-int8": lambda model, chats: ours(model, chats, quantise="int8", draft_tokens=0),
    "ours-nf4": lambda model, chats: ours(model, chats, quantise="nf4", draft_tokens=0),
    "sequential": sequential,
    "padded": padded,
    "llamacpp": llamacpp,
    "prefix": prefix,
    "cancel": cancel,
    "prefill": prefill,
}


def main(arguments: list[str]) -> int:
    side, model, *chats = arguments
    for number, row in SIDES[side](Path(model), [int(word) for word in chats]):
        print(json.dumps({"side": side, "chats": number, **row}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
