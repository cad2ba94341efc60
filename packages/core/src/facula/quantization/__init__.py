"""Post-training quantization: layers of a trained model are replaced by int8 ones."""

from __future__ import annotations

from facula.quantization.dynamic import DynamicQuantizedLinear, qint8, quantize_dynamic

__all__ = ["DynamicQuantizedLinear", "qint8", "quantize_dynamic"]
