"""Wav2Letter, a recogniser made of convolutions alone.

Source: R. Collobert, C. Puhrsch, G. Synnaeve, "Wav2Letter: an End-to-End ConvNet-based Speech Recognition System",
https://arxiv.org/abs/1609.03193.
"""

from __future__ import annotations

from facula import Tensor, nn

__all__ = ["Wav2Letter"]

_INPUTS = ("waveform", "power_spectrum", "mfcc")


class Wav2Letter(nn.Module):
    """Eleven convolutions over features, after one over the samples for `input_type="waveform"`.

    Shape: (N, num_features, time) -> (N, num_classes, frames), logarithms of probabilities.
    ValueError for another type of input.

    >>> import facula
    >>> from facula_audio.models import Wav2Letter
    >>> Wav2Letter(num_classes=29, input_type="mfcc", num_features=13)(facula.zeros(1, 13, 100)).shape
    facula.Size([1, 29, 51])
    """

    def __init__(self, num_classes: int = 40, input_type: str = "waveform", num_features: int = 1) -> None:
        super().__init__()
        if input_type not in _INPUTS:
            raise ValueError(f"Wav2Letter: expected input_type to be one of {_INPUTS}, got {input_type!r}. Choose one.")
        features = 250 if input_type == "waveform" else num_features
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride, padding in (
            (features, 250, 48, 2, 23),
            *[(250, 250, 7, 1, 3)] * 7,
            (250, 2000, 32, 1, 16),
            (2000, 2000, 1, 1, 0),
            (2000, num_classes, 1, 1, 0),
        ):
            layers += [nn.Conv1d(inputs, outputs, kernel, stride, padding), nn.ReLU(inplace=True)]
        self.acoustic_model = nn.Sequential(*layers)
        if input_type == "waveform":
            first = nn.Sequential(nn.Conv1d(num_features, 250, 250, stride=160, padding=45), nn.ReLU(inplace=True))
            self.acoustic_model = nn.Sequential(first, self.acoustic_model)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.log_softmax(self.acoustic_model(x), dim=1)
