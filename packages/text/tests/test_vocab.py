"""Vocab, tokenizers, transforms and samplers, by torchtext's behaviour."""

import pytest

import facula
from facula_text import transforms
from facula_text.samplers import BucketBatchSampler, TokenBatchSampler
from facula_text.vocab import Vocab, build_vocab_from_iterator, get_tokenizer, ngrams_iterator, vocab


def test_vocab():
    words = Vocab(["a", "b"])
    words.insert_token("<unk>", 0)
    words.append_token("c")
    assert words.get_itos() == ["<unk>", "a", "b", "c"]
    assert words.get_stoi() == {"<unk>": 0, "a": 1, "b": 2, "c": 3}
    assert words.lookup_tokens([3, 1]) == ["c", "a"]
    assert words.lookup_indices(["c", "a"]) == words(["c", "a"]) == words.forward(["c", "a"]) == [3, 1]
    assert "a" in words
    assert "z" not in words
    assert words.get_default_index() is None
    with pytest.raises(RuntimeError, match="expected a token of the vocabulary, got 'z'"):
        words["z"]
    words.set_default_index(0)
    assert words["z"] == words.get_default_index() == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda words: words.append_token("a"), "expected each token once, got 'a' again"),
        (lambda words: words.insert_token("z", 9), "expected an index from 0 to 2, got 9"),
        (lambda words: words.lookup_token(2), "expected an index from 0 to 1, got 2"),
    ],
)
def test_vocab_errors(call, message):
    with pytest.raises(RuntimeError, match=message):
        call(Vocab(["a", "b"]))


def test_building():
    texts = [["b", "a", "b"], ["c", "<unk>", "a"], ["b"]]
    assert build_vocab_from_iterator(texts).get_itos() == ["b", "a", "<unk>", "c"]
    assert build_vocab_from_iterator(texts, 2, ["<unk>"]).get_itos() == ["<unk>", "b", "a"]
    assert build_vocab_from_iterator(texts, specials=["<unk>"], special_first=False).get_itos()[-1] == "<unk>"
    assert build_vocab_from_iterator(texts, specials=["<unk>"], max_tokens=2).get_itos() == ["<unk>", "b"]
    assert vocab({"x": 1, "a": 5}).get_itos() == ["x", "a"]
    with pytest.raises(ValueError, match="expected max_tokens of at least 1, the specials, got 0"):
        build_vocab_from_iterator(texts, specials=["<unk>"], max_tokens=0)


def test_tokenizers():
    text = 'He said: "Don\'t, (ever) go!";<br />Why?  OK.'
    expected = ["he", "said", "don", "'", "t", ",", "(", "ever", ")", "go", "!", "why", "?", "ok", "."]
    assert get_tokenizer("basic_english")(text) == expected
    assert get_tokenizer(None)("To be  or") == ["To", "be", "or"]
    assert get_tokenizer(list)("ab") == ["a", "b"]
    assert list(ngrams_iterator(["a", "b", "c"], 3)) == ["a", "b", "c", "a b", "b c", "a b c"]
    with pytest.raises(ValueError, match="expected 'basic_english', a function or None"):
        get_tokenizer("spacy")


def test_transforms():
    words = build_vocab_from_iterator([["a", "b"]], specials=["<pad>", "<s>"])
    prepare = transforms.Sequential(
        transforms.VocabTransform(words),
        transforms.Truncate(2),
        transforms.AddToken(1),
        transforms.AddToken(1, begin=False),
        transforms.ToTensor(0),
        transforms.PadTransform(6, 9),
    )
    found = prepare([["a", "b", "a"], ["b"]])
    assert found.dtype == facula.int64
    assert found.tolist() == [[1, 2, 3, 1, 9, 9], [1, 3, 1, 0, 9, 9]]
    assert prepare(["b"]).tolist() == [1, 3, 1, 9, 9, 9]
    assert transforms.PadTransform(1, 0)(facula.tensor([1, 2])).tolist() == [1, 2]
    assert transforms.StrToIntTransform()([["1", "2"], ["3"]]) == [[1, 2], [3]]


def test_buckets():
    lengths = facula.randint(1, 60, (500,), generator=facula.Generator().manual_seed(0)).tolist()
    sampler = BucketBatchSampler(lengths, 8, bucket_size=100, seed=3)
    batches = list(sampler)
    assert len(sampler) == len(batches)
    assert sorted(index for batch in batches for index in batch) == list(range(500))
    assert list(sampler) == batches
    sampler.set_epoch(1)
    assert list(sampler) != batches
    filled = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
    assert filled < 1.2 * sum(lengths)
    assert all(len(batch) == 8 for batch in BucketBatchSampler(lengths, 8, bucket_size=100, drop_last=True))


def test_batches_by_tokens():
    lengths = [*facula.randint(1, 60, (300,), generator=facula.Generator().manual_seed(0)).tolist(), 500]
    batches = list(TokenBatchSampler(lengths, 200, bucket_size=100))
    assert sorted(index for batch in batches for index in batch) == list(range(301))
    sizes = [len(batch) * max(lengths[index] for index in batch) for batch in batches]
    assert sorted(sizes)[-1] == 500
    assert sorted(sizes)[-2] <= 200


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BucketBatchSampler([1], 0), "BucketBatchSampler: expected batch_size of at least 1, got 0"),
        (lambda: TokenBatchSampler([1], 0), "TokenBatchSampler: expected max_tokens of at least 1, got 0"),
        (lambda: TokenBatchSampler([1], 1, bucket_size=0), "expected bucket_size of at least 1, got 0"),
    ],
)
def test_sampler_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_labels(tmp_path):
    assert transforms.LabelToIndex(["pos", "neg"])("neg") == 1
    assert transforms.LabelToIndex(["pos", "neg"], sort_names=True)(["neg", "pos"]) == [0, 1]
    (tmp_path / "labels.txt").write_text("pos\nneg\n")
    assert transforms.LabelToIndex(label_path=tmp_path / "labels.txt").names == ["pos", "neg"]
    with pytest.raises(ValueError, match="expected label_names or label_path, got both or neither"):
        transforms.LabelToIndex()
    with pytest.raises(KeyError):
        transforms.LabelToIndex(["pos"])("neg")


def test_an_old_program_runs():
    from facula_text.data.functional import to_map_style_dataset
    from facula_text.data.metrics import bleu_score
    from facula_text.data.utils import get_tokenizer
    from facula_text.functional import to_tensor
    from facula_text.vocab import build_vocab_from_iterator

    train = [(1, "A fine film."), (2, "A dull, dull film.")]
    tokenizer = get_tokenizer("basic_english")
    words = build_vocab_from_iterator((tokenizer(text) for _, text in iter(train)), specials=["<unk>"])
    words.set_default_index(words["<unk>"])
    ids = to_tensor([words(tokenizer(text)) for _, text in to_map_style_dataset(iter(train))], padding_value=0)
    assert ids.shape == (2, 6)
    assert to_map_style_dataset(train) is train
    assert len(to_map_style_dataset(iter(train))) == 2
    weighted = bleu_score([["a", "b", "c"]], [[["a", "b", "d"]]], max_n=2, weights=[0.75, 0.25])
    assert weighted == pytest.approx((2 / 3) ** 0.75 * (1 / 2) ** 0.25)
    assert bleu_score([["a", "b", "c"]], [[["x"]]]) == bleu_score([[]], [[["x"]]]) == 0.0
    with pytest.raises(ValueError, match="expected max_n = 2 weights, got 4"):
        bleu_score([["a"]], [[["a"]]], max_n=2)
