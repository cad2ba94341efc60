"""`torch.autograd.anomaly_mode`'s names."""

from __future__ import annotations

from facula.autograd.anomaly import detect_anomaly as detect_anomaly
from facula.autograd.anomaly import set_detect_anomaly as set_detect_anomaly
