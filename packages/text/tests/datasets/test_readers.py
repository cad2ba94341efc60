"""Readers of lines, JSON lines, tables and tagged words."""

import pytest

import facula
from facula_text.datasets import (
    ConllTags,
    CsvRows,
    JsonLines,
    LabelledFiles,
    ParallelLines,
    SquadQuestions,
    TextLines,
)


def test_lines(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes("one\r\n\nçé漢\nlast".encode())
    lines = facula.datasets.create("text_lines", path)
    assert len(lines) == 4
    assert [lines[index] for index in range(4)] == ["one", "", "çé漢", "last"]
    assert lines[-1] == "last"
    with pytest.raises(IndexError, match="expected an index below 4, got 4"):
        lines[4]
    path.write_bytes(b"good\nbad \xff\n")
    assert TextLines(path)[0] == "good"
    with pytest.raises(ValueError, match="got byte 0xff at offset 9 of"):
        TextLines(path)[1]
    path.write_bytes(b"")
    assert len(TextLines(path)) == 0


def test_json_lines(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a"}\n[1]\n{')
    rows = JsonLines(path)
    assert [rows[0], rows[1]] == [{"text": "a"}, [1]]
    with pytest.raises(ValueError, match="expected JSON, got line 3 of"):
        rows[2]


def test_tables(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"1","A","two\nlines"\n"2","B, C","d"\n')
    rows = CsvRows(path)
    assert list(rows) == [(1, "A two\nlines"), (2, "B, C d")]
    path.write_text("sentence\tlabel\nfine film\t1\n")
    assert list(CsvRows(path, label=1, columns=[0], delimiter="\t", header=True)) == [(1, "fine film")]
    path.write_text("x,y,z\n")
    with pytest.raises(ValueError, match=r"expected a number in column 0 and texts in \(1, 2\), got .* in row 1 of"):
        CsvRows(path)[0]
    path.write_text("1," + "a" * 200_000 + ",b\n")
    with pytest.raises(ValueError, match=r"got \[\] in row 1 of"):
        CsvRows(path)[0]
    path.write_bytes(b'1,"a\n\xff",b\n')
    with pytest.raises(ValueError, match="CsvRows: expected UTF-8, got byte 0xff at offset 5 of"):
        CsvRows(path)[0]


def test_tagged_words(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("a X\nb Y\n\n\nc Z")
    assert list(ConllTags(path)) == [(["a", "b"], ["X", "Y"]), (["c"], ["Z"])]
    path.write_text("a X\nb\n")
    with pytest.raises(ValueError, match="expected 2 columns, got 1 at line 2 of"):
        ConllTags(path)


def test_a_reader_crosses_into_workers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("".join(f'{label},"a, b",c{label}\n' for label in range(20)))
    loader = facula.utils.data.DataLoader(CsvRows(path), 5, num_workers=2, multiprocessing_context="fork")
    assert [label for labels, _ in loader for label in labels.tolist()] == list(range(20))


def test_files_that_do_not_fit(tmp_path):
    for name, text in (("a", "one\ntwo\n"), ("b", "eins\n"), ("c", '{"data": [{"paragraphs": 1}]}')):
        (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match="expected as many lines in both files, got 2 in .* and 1 in"):
        ParallelLines(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ValueError, match=r"expected files \*.txt in .*pos, got none"):
        LabelledFiles(tmp_path, {"pos": 1})
    for name in "ac":
        with pytest.raises(ValueError, match="SquadQuestions: expected a file of SQuAD's form, got"):
            SquadQuestions(tmp_path / name)
