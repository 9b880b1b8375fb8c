"""The cards that lie beside weights: which base this is, and which base an adapter was made for.

Light: imports no torch. Weights are named by the sha256 of their safetensors files.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BASE_CARD = "base.json"
ADAPTER_CARD = "card.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".joblib")


class CardError(ValueError):
    """Weights or a card that must not be used; the message names the file or the value."""


@dataclass(frozen=True, slots=True)
class AdapterCard:
    """An adapter as its folder says it is. ``hash`` is the sha256 of its weights, ``base_hash`` of its base's."""

    name: str
    folder: Path
    base_hash: str
    hash: str
    details: dict[str, Any]


def file_hash(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def base_hash(folder: Path) -> str:
    """The sha256 that names the weights in ``folder``: of ``model.safetensors``, or of the shards' hashes in order.

    Remembered in ``base.json`` together with sizes and times of the files, so that starting does not read
    gigabytes again. Raises CardError where there are no safetensors.
    """
    shards = sorted(folder.glob("*.safetensors"))
    if not shards:
        raise CardError(f"{folder.name} holds no .safetensors weights")
    stamp = [[shard.name, shard.stat().st_size, shard.stat().st_mtime_ns] for shard in shards]
    known = _read_json(folder / BASE_CARD) if (folder / BASE_CARD).is_file() else {}
    if known.get("stamp") == stamp:
        return str(known["sha256"])
    hashes = [file_hash(shard) for shard in shards]
    digest = hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()
    try:
        (folder / BASE_CARD).write_text(json.dumps({**known, "sha256": digest, "stamp": stamp}, indent=1) + "\n")
    except OSError:
        pass  # a read-only model folder is fine; the hash is then computed at each start
    return digest


def refuse_pickles(folder: Path) -> None:
    """Raise CardError where ``folder`` holds a file that would be unpickled by a careless loader."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in PICKLES:
            raise CardError(f"{path.name} in {folder.name} may be a pickle; only .safetensors weights are loaded")


def read_adapter(folder: Path) -> AdapterCard:
    """The adapter in ``folder``; raises CardError for a pickle, a missing file or a card without ``base_hash``."""
    if not folder.is_dir():
        raise CardError(f"there is no adapter folder {folder.name!r}")
    refuse_pickles(folder)
    for name in (ADAPTER_WEIGHTS, "adapter_config.json", ADAPTER_CARD):
        if not (folder / name).is_file():
            raise CardError(f"the adapter {folder.name!r} has no {name}")
    details = _read_json(folder / ADAPTER_CARD)
    made_for = details.get("base_hash")
    if not isinstance(made_for, str) or not made_for:
        raise CardError(f"the card of adapter {folder.name!r} does not say base_hash")
    return AdapterCard(folder.name, folder, made_for, file_hash(folder / ADAPTER_WEIGHTS), details)


def list_adapters(adapters: Path) -> list[AdapterCard]:
    """Every adapter in the folder ``adapters``, by name; one that cannot be read is left out."""
    found = []
    for folder in sorted(path.parent for path in adapters.glob(f"*/{ADAPTER_CARD}")):
        try:
            found.append(read_adapter(folder))
        except CardError:
            continue
    return found


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except ValueError:
        raise CardError(f"{path.name} in {path.parent.name} is not JSON") from None
    if not isinstance(value, dict):
        raise CardError(f"{path.name} in {path.parent.name} is not a JSON object")
    return value
