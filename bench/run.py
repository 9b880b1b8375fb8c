"""``python -m llm bench``: the engine against ``generate`` and llama.cpp's server on this machine, in one run.

Each side answers the same kind of prompts (400 tokens from the health library) with 64 new tokens each, 1 to 32
chats at once. All sides run one after another, the whole round several times, and each figure is of that side's
best round: on a machine that others use too, the best round is the least disturbed one. Writes JSON, a plot and
a table in Markdown into ``bench/results``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SIDES = ("ours", "ours-plain", "ours-exact", "sequential", "padded", "llamacpp")
SINGLE = ("ours-int8", "ours-nf4")
EXTRAS = ("prefill", "prefix", "cancel")
NAMES = {
    "ours": "Consult",
    "ours-plain": "Consult, no guessing ahead",
    "ours-exact": "Consult, products in bfloat16",
    "ours-int8": "Consult, int8 (bitsandbytes)",
    "ours-nf4": "Consult, nf4 (bitsandbytes)",
    "sequential": "generate, one after another",
    "padded": "generate, one padded batch",
    "llamacpp": "llama.cpp server, Q4_1",
}
Row = dict[str, Any]


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser("bench", help="measure the engine against others on this machine")
    parser.add_argument("--model", type=Path, default=Path("var/models/smollm2-135m-instruct"))
    parser.add_argument("--chats", default="1,4,8,16,32", help="numbers of chats at once")
    parser.add_argument("--sides", default=",".join((*SIDES, *SINGLE, *EXTRAS)))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of every side")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the llamacpp side (needs xllamacpp)")
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    chats = [int(word) for word in options.chats.split(",")]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        model = endless(options.model, Path(folder) / options.model.name)
        for number in range(options.rounds):
            for side in options.sides.split(","):
                rows.extend(_side(side, model, chats, options, number))
    report = {
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
        "rounds": options.rounds,
        "threads": options.threads,
        "rows": rows,
    }
    best = best_rows(rows)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "engine.json").write_text(json.dumps({**report, "best": best}, indent=1) + "\n")
    (options.out / "engine.md").write_text(table(best, report))
    _plot(best, report, options.out / "engine.png")
    print((options.out / "engine.md").read_text())
    return 0


def endless(model: Path, copy: Path) -> Path:
    """A copy (by links) of the model folder that never ends an answer: all sides must write all 64 tokens."""
    copy.mkdir(parents=True)
    for file in model.iterdir():
        if file.name not in ("generation_config.json", "config.json", "base.json"):
            (copy / file.name).symlink_to(file.resolve())
    config = json.loads((model / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "eos_token_id": None}))
    (copy / "generation_config.json").write_text(json.dumps({"pad_token_id": config.get("pad_token_id")}))
    return copy


def _side(side: str, model: Path, chats: list[int], options: argparse.Namespace, number: int) -> list[Row]:
    wanted = [1] if side in (*SINGLE, *EXTRAS) else chats
    interpreter = options.python if side == "llamacpp" else sys.executable
    command = [interpreter, "-m", "bench.sides", side, str(model), *map(str, wanted)]
    load = os.getloadavg()[0]
    env = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        print(f"{side} failed: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"side"')]
    for row in rows:
        row.update(round=number, load_before=load)
        print(json.dumps(row), flush=True)
    return rows


def best_rows(rows: list[Row]) -> list[Row]:
    """For each side and number of chats the round with the highest total (or the lowest of an extra's first time)."""
    best: dict[tuple[str, int], Row] = {}
    for row in rows:
        key = (row["side"], row["chats"])
        if key not in best or _worth(row) > _worth(best[key]):
            best[key] = row
    return list(best.values())


def _worth(row: Row) -> float:
    if "total" in row:
        return float(row["total"])
    return -float(row.get("raw_prefill") or row.get("later_p50") or row.get("gap_later") or 0)


def table(rows: list[Row], report: Row) -> str:
    """The figures as Markdown, with every side against ours at the same number of chats."""
    ours = {row["chats"]: row["total"] for row in rows if row["side"] == "ours"}
    lines = [
        f"Measured {report['date']} on {report['machine']['cpu']}, {report['machine']['cores']} cores, "
        f"torch {report['machine']['torch']}, {report['threads']} threads a side; "
        f"prompts of 400 tokens, 64 new tokens, best of {report['rounds']} rounds.",
        "",
        "| side | chats | first token p50, s | p95, s | tokens/s a chat | tokens/s in all | ours is "
        "| tokens a processor second | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted((row for row in rows if "total" in row), key=lambda row: (row["chats"], -row["total"])):
        ratio = f"{ours[row['chats']] / row['total']:.2f} x" if row["chats"] in ours else ""
        lines.append(
            f"| {NAMES[row['side']]} | {row['chats']} | {row['first_p50']:.2f} | {row['first_p95']:.2f} "
            f"| {row['per_chat']:.1f} | {row['total']:.1f} | {ratio} "
            f"| {row['per_cpu_second']:.1f} | {row['peak_mib']:.0f} |"
        )
    lines.append("")
    for row in rows:
        if "total" not in row:
            values = ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in row.items() if _is_time(name))
            lines.append(f"- {row['side']}: {values}")
    return "\n".join(lines) + "\n"


def _is_time(name: str) -> bool:
    return name not in ("side", "chats", "round", "load_before")


def machine() -> Row:
    import torch
    import transformers

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    flags = next((line for line in lines if line.startswith("flags")), "")
    amx = "with AMX" if "amx_bf16" in flags else "without AMX"
    return {
        "cpu": f"{names[0] if names else platform.processor()} {amx}",
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def _plot(rows: list[Row], report: Row, path: Path) -> None:
    try:
        import matplotlib
    except ModuleNotFoundError:
        print("no plot: matplotlib is not installed (bench/requirements.txt)", file=sys.stderr)
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (speed, first) = pyplot.subplots(1, 2, figsize=(11, 4.2))
    for side in SIDES:
        mine = sorted((row for row in rows if row["side"] == side), key=lambda row: row["chats"])
        chats = [row["chats"] for row in mine]
        speed.plot(chats, [row["total"] for row in mine], marker="o", label=NAMES[side])
        first.plot(chats, [row["first_p50"] for row in mine], marker="o", label=NAMES[side])
    for axis, title in ((speed, "tokens a second in all"), (first, "time to first token, median, seconds")):
        axis.set_xscale("log", base=2)
        axis.set_xticks([1, 2, 4, 8, 16, 32], labels=["1", "2", "4", "8", "16", "32"])
        axis.set_xlabel("chats at once")
        axis.set_title(title)
        axis.grid(alpha=0.3)
    speed.legend(fontsize=8)
    figure.suptitle(f"{report['machine']['cpu']}, {report['machine']['cores']} cores, {report['date']}", fontsize=9)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
