"""What an engine is asked to be, checked before anything is loaded.

Light: imports no torch. Knows nothing of Django; the caller hands in the environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_type_hints

Backend = Literal["local", "remote", "fake"]
Device = Literal["auto", "cpu", "cuda"]
Dtype = Literal["auto", "float32", "bfloat16"]
Quantise = Literal["none", "int8", "nf4"]
Products = Literal["auto", "exact", "int8"]

DEFAULT_BASE = Path("var/models/smollm2-135m-instruct")
ADAPTERS = Path("llm/adapters")
PREFIX = "CONSULT_LLM_"


class ConfigError(ValueError):
    """A setting that cannot be served; the message names the setting and its value."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """One engine. Token counts are tokens of the base model; times are seconds.

    ``cache_tokens`` is shared by all chats that run at once; ``max_queue`` chats may wait beyond
    ``max_chats`` running ones, and the next is refused with ``EngineBusy``.
    """

    base: Path
    backend: Backend = "local"
    adapter: Path | None = None
    adapters: Path | None = None
    device: Device = "auto"
    dtype: Dtype = "auto"
    quantise: Quantise = "none"
    products: Products = "auto"
    max_chats: int = 32
    max_queue: int = 64
    cache_tokens: int = 20480
    page_tokens: int = 32
    batch_tokens: int = 1024
    draft_tokens: int = 8
    threads: int = 0
    stall_s: float = 120.0
    url: str = ""
    key: str = ""
    model: str = ""
    connect_s: float = 5.0
    first_token_s: float = 60.0
    next_token_s: float = 30.0

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for name in ("backend", "device", "dtype", "quantise", "products"):
            allowed = get_args(hints[name])
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}")
        for name in ("max_chats", "page_tokens", "batch_tokens", "cache_tokens"):
            _at_least(self, name, 1)
        for name in ("max_queue", "draft_tokens", "threads"):
            _at_least(self, name, 0)
        for name in ("stall_s", "connect_s", "first_token_s", "next_token_s"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; it must be more than 0 seconds")
        if self.page_tokens < 4:
            raise ConfigError(f"page_tokens is {self.page_tokens}; the paged cache needs at least 4")
        if self.cache_tokens < self.page_tokens:
            raise ConfigError(f"cache_tokens is {self.cache_tokens}, less than one page of {self.page_tokens}")
        if self.backend == "remote" and not self.url.startswith(("http://", "https://")):
            raise ConfigError(f"url is {self.url!r}; the remote backend needs an http:// or https:// address")

    @classmethod
    def from_env(cls, env: Mapping[str, str], root: Path) -> EngineConfig:
        """Read ``CONSULT_MODEL``, ``CONSULT_ADAPTER`` and ``CONSULT_LLM_<FIELD>`` from ``env``.

        ``root`` is the checkout: relative paths start there. ``CONSULT_ADAPTER=none`` asks for the bare
        base; unset takes the newest folder of ``<root>/llm/adapters``. Raises ConfigError for an unknown
        ``CONSULT_LLM_`` name or a value of the wrong type.
        """
        values: dict[str, Any] = {}
        kinds = {field.name: field.type for field in fields(cls)}
        for name, text in env.items():
            if not name.startswith(PREFIX) or text == "":
                continue
            option = name[len(PREFIX) :].lower()
            if option not in kinds or option in ("base", "adapter"):
                raise ConfigError(f"{name} is not a setting of the engine")
            values[option] = _parse(name, text, str(kinds[option]), root)
        if values.get("url") and "backend" not in values:
            values["backend"] = "remote"
        base = root / (env.get("CONSULT_MODEL") or DEFAULT_BASE)
        adapters = values.pop("adapters", None) or root / ADAPTERS
        return cls(
            base=base, adapter=_adapter(env.get("CONSULT_ADAPTER", ""), adapters, root), adapters=adapters, **values
        )


def newest_adapter(adapters: Path) -> Path | None:
    """The adapter folder whose card has the latest date, the later written of two; None where there is none."""
    complete = [card for card in adapters.glob("*/card.json") if (card.parent / "adapter_model.safetensors").is_file()]
    return max(complete, key=_age).parent if complete else None


def _age(card: Path) -> tuple[str, float, str]:
    """A clone gives every file the same time, so the date in the card comes first."""
    try:
        date = str(json.loads(card.read_text()).get("date", ""))
    except (ValueError, AttributeError):
        date = ""
    return date, card.stat().st_mtime, card.parent.name


def _adapter(named: str, adapters: Path, root: Path) -> Path | None:
    if named == "none":
        return None
    if not named:
        return newest_adapter(adapters)
    inside = adapters / named
    return inside if "/" not in named and inside.is_dir() else root / named


def _parse(name: str, text: str, kind: str, root: Path) -> object:
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text)
    except ValueError:
        raise ConfigError(f"{name} is {text!r}; it must be a number") from None
    return root / text if kind.startswith("Path") else text


def _at_least(config: EngineConfig, name: str, least: int) -> None:
    value = getattr(config, name)
    if not isinstance(value, int) or value < least:
        raise ConfigError(f"{name} is {value!r}; it must be a whole number, at least {least}")
