"""Features that equal those of other toolkits."""

from facula_audio.compliance import kaldi

__all__ = ["kaldi"]
