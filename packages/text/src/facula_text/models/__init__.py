"""Language models: one family in each file."""

from __future__ import annotations

from facula_text.models.bert import Bert, bert, pool
from facula_text.models.cache import KeyValueCache
from facula_text.models.fasttext import FastText, fasttext
from facula_text.models.gpt import GPT, gpt, gpt2
from facula_text.models.llama import Llama, llama
from facula_text.models.recurrent import RecurrentLM, Seq2Seq, recurrent_lm, seq2seq
from facula_text.models.t5 import T5, t5, t5_small

__all__ = [
    "GPT",
    "T5",
    "Bert",
    "FastText",
    "KeyValueCache",
    "Llama",
    "RecurrentLM",
    "Seq2Seq",
    "bert",
    "fasttext",
    "gpt",
    "gpt2",
    "llama",
    "pool",
    "recurrent_lm",
    "seq2seq",
    "t5",
    "t5_small",
]
