"""Helpers around modules: clipping gradients, parameters as one vector, sequences of unequal length."""

from facula.nn.utils import parametrizations, parametrize, prune, rnn
from facula.nn.utils.clip import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from facula.nn.utils.convert import parameters_to_vector, skip_init, vector_to_parameters

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "prune",
    "rnn",
    "skip_init",
    "vector_to_parameters",
]
