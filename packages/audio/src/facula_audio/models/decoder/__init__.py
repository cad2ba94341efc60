"""From scores of frames to words: CTC by the best symbol of each frame or by beam search, with lexicon and language model."""

from __future__ import annotations

from facula_audio.models.decoder.ctc import CTCDecoder, CTCHypothesis, ctc_decoder, ctc_greedy
from facula_audio.models.decoder.lexicon import read_lexicon, read_tokens
from facula_audio.models.decoder.ngram import CTCDecoderLM, NGramLM, read_arpa

__all__ = [
    "CTCDecoder",
    "CTCDecoderLM",
    "CTCHypothesis",
    "NGramLM",
    "ctc_decoder",
    "ctc_greedy",
    "read_arpa",
    "read_lexicon",
    "read_tokens",
]
