"""ONNX: write a model as a file that runs without us."""

from __future__ import annotations

from facula.onnx import forms_nn  # registers the layers' forms
from facula.onnx.export import export

__all__ = ["export", "forms_nn"]
