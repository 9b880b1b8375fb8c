"""Tuning an adapter: supervised LoRA or QLoRA on rows of prompt and completion."""
