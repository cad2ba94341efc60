"""Generation: limits, beams against every possible text, filling, stops, streams."""

import itertools

import numpy as np
import pytest

import facula
from facula import nn
from facula_text.generation import beam_search, generate, stream, stream_text
from facula_text.models import GPT, Llama, RecurrentLM
from facula_text.sampling import penalize, select
from facula_text.tokenizers import BPETokenizer, CharTokenizer, pad_ids


def make(kind, vocab=7, seed=0):
    facula.manual_seed(seed)
    if kind == "gpt":
        model = GPT(vocab, 12, n_layer=2, n_head=2, n_embd=16)
    elif kind == "llama":
        model = Llama(vocab, 12, n_layer=2, n_head=4, n_kv_head=2, n_embd=16)
    else:
        model = RecurrentLM(vocab, 8, 16)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    return model.eval()


@pytest.mark.parametrize("kind", ["gpt", "llama"])
def test_rows_of_different_lengths(kind):
    model, rows = make(kind), [[3, 1, 4], [5], [2, 6, 5, 3]]
    ids, mask = pad_ids(rows, side="left")
    together = generate(model, ids, 12, attention_mask=mask, repetition_penalty=1.3)  # runs past block_size
    for row, found in zip(rows, together.tolist(), strict=True):
        alone = generate(model, facula.tensor([row]), 8, repetition_penalty=1.3)[0].tolist()
        assert found[4 - len(row) : 12] == alone[: len(row) + 8]
    beams = generate(model, ids, 4, attention_mask=mask, num_beams=3)
    for row, found in zip(rows, beams.tolist(), strict=True):
        assert found[4 - len(row) :] == generate(model, facula.tensor([row]), 4, num_beams=3)[0].tolist()


def likelihood(model, start, text, eos):
    """The sum of log probabilities of a text up to its first end, and its length."""
    with facula.no_grad():
        logp = model(facula.tensor([[*start, *text]])).log_softmax(dim=-1)[0].numpy()
    stop = text.index(eos) + 1 if eos in text else len(text)
    return sum(logp[len(start) - 1 + place, text[place]] for place in range(stop)), stop


@pytest.mark.parametrize("kind", ["gpt", "llama", "recurrent"])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 2.0])
def test_wide_beams_find_the_likeliest_of_all_texts(kind, length_penalty):
    model, start, eos = make(kind, vocab=3), [1, 2], 0
    texts = [list(text) for text in itertools.product(range(3), repeat=3)]
    scored = [
        (total / count**length_penalty, text[:count])
        for text in texts
        for total, count in [likelihood(model, start, text, eos)]
    ]
    _, expected = max(scored)
    found = beam_search(model, facula.tensor([start]), 3, 27, length_penalty=length_penalty, eos_id=eos)[0, 2:].tolist()
    assert found[: len(expected)] == expected
    assert set(found[len(expected) :]) <= {eos}


def test_one_beam_is_greedy():
    model, ids = make("gpt"), facula.tensor([[1, 2], [3, 4]])
    assert beam_search(model, ids, 6, 1).tolist() == generate(model, ids, 6).tolist()


def test_penalty_and_min_p():
    logits = facula.tensor([[0.6, 0.25, 0.1, 0.05]]).log()
    facula.manual_seed(0)

    def seen(**options):
        return set(select(logits.expand(400, 4), do_sample=True, **options).view(-1).tolist())

    assert seen(min_p=0.15) == {0, 1, 2}
    assert seen(min_p=0.3) == {0, 1}
    assert seen(min_p=1.0) == {0}
    ids = facula.tensor([[0, 0, 2]])
    expected = logits.numpy().copy()
    expected[0, [0, 2]] *= 3
    np.testing.assert_allclose(penalize(logits, ids, 3.0).numpy(), expected, rtol=1e-6)
    model, ids = make("gpt"), facula.tensor([[1]])
    with facula.no_grad():
        for _ in range(6):
            likeliest = penalize(model(ids)[:, -1], ids, 50.0).argmax(dim=-1, keepdim=True)
            ids = facula.cat([ids, likeliest], dim=1)
    assert generate(model, ids[:, :1], 6, repetition_penalty=50.0).tolist() == ids.tolist()
    assert generate(model, ids[:, :1], 6).tolist() != ids.tolist()


def test_a_stream_is_the_same_text_and_keeps_gradients_on_between():
    model, ids = make("gpt").train(), facula.tensor([[1, 2]])
    pieces = []
    for chosen in stream(model, ids, 5, do_sample=True, generator=facula.Generator().manual_seed(3)):
        assert facula.is_grad_enabled()
        pieces.append(int(chosen))
    again = generate(model, ids, 5, do_sample=True, generator=facula.Generator().manual_seed(3))
    assert again[0, 2:].tolist() == pieces
    assert model.training


def test_text_ends_before_a_stop_string():
    tokenizer = CharTokenizer("abcdefg")
    model = make("gpt")
    whole = "".join(stream_text(model, tokenizer, "ab", 10))
    assert len(whole) == 10
    stop = whole[4:6]
    pieces = list(stream_text(model, tokenizer, "ab", 10, stop_strings=[stop, "zz"]))
    assert "".join(pieces) == whole[: whole.index(stop)]
    assert "".join(stream_text(model, tokenizer, "ab", 10, stop_strings=[whole + "a"])) == whole


def test_characters_of_several_bytes_come_whole():
    tokenizer = BPETokenizer.train(["a"], 256)
    text = "é漢😀!"

    class Reciter:
        block_size = None
        training = False
        ids = tokenizer.encode("a" + text)

        def train(self, mode=True):
            return self

        def make_cache(self, batch, capacity, padding=None):
            return object()

        def __call__(self, input, cache=None):
            self.place = getattr(self, "place", 0) + 1
            return nn.functional.one_hot(facula.tensor([[self.ids[self.place]]]), 256).to(facula.float32)

    pieces = list(stream_text(Reciter(), tokenizer, "a", len(tokenizer.encode(text))))
    assert pieces == list(text)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_p": 1.5}, "expected min_p from 0 to 1, got 1.5"),
        ({"repetition_penalty": 0}, "expected repetition_penalty above 0, got 0"),
        ({"num_beams": 2, "top_k": 3}, r"expected no sampling beside num_beams, got \['top_k'\]"),
        ({"attention_mask": facula.tensor([[1, 0]])}, "0 only on the left of each row"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        generate(make("gpt"), facula.tensor([[1, 2]]), 2, **options)


def test_bad_beams_and_sides():
    with pytest.raises(ValueError, match="expected num_beams of at least 1, got 0"):
        beam_search(make("gpt"), facula.tensor([[1]]), 2, 0)
    with pytest.raises(ValueError, match="expected side 'left' or 'right', got 'top'"):
        pad_ids([[1]], side="top")
    assert pad_ids([[1, 2, 3], [4]], side="left", max_length=2)[0].tolist() == [[1, 2], [0, 4]]
