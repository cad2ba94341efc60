"""Language models: one family in each file."""

from __future__ import annotations

from facula_text.models.gpt import GPT, gpt, gpt2

__all__ = ["GPT", "gpt", "gpt2"]
