"""Write fixtures/metrics.json: made-up texts and what sacrebleu 2.6.0, rouge-score 0.1.2 and jiwer 4.0.0 say about them."""

import json
import random
from pathlib import Path

TEXTS = [
    "The cat sat on the mat.",
    'He said: "It costs $1,000.50 -- or 3,5 % of 20-30 items" (2019-2020)!',
    "Don't panic; it's the end-of-line test... isn't it?",
    "&quot;Fish &amp; chips&quot; &lt;b&gt; costs 5.",
    "Über-große Häuser, naïve cafés & 漢字。",
    "a,b.c 1.5,2 x-1 9-y",
]


def changed(words: list[str], draw: random.Random) -> list[str]:
    """The words with some left out, replaced, repeated."""
    kept = [
        word if draw.random() < 0.8 else draw.choice("alpha beta gamma".split())
        for word in words
        if draw.random() < 0.9
    ]
    return kept + kept[: draw.randint(0, 3)]


def main() -> None:
    import jiwer
    import sacrebleu
    from rouge_score import rouge_scorer

    draw = random.Random(0)
    words = "the a cat dog sat ran on under mat house big small quick brown and or over lazy fox river".split()
    corpora, pairs = [], []
    for size, length, count in [(1, 4, 1), (1, 12, 1), (3, 15, 2), (20, 18, 3), (50, 9, 1), (2, 3, 1), (1, 1, 1)]:
        references = [
            [draw.choices(words, k=max(1, length + draw.randint(-2, 2))) for _ in range(count)] for _ in range(size)
        ]
        candidates = [changed(several[0], draw) for several in references]
        streams = [[" ".join(several[place]) for several in references] for place in range(count)]
        texts = [" ".join(one) for one in candidates]
        scores = {
            smooth: sacrebleu.corpus_bleu(texts, streams, smooth_method=smooth, tokenize="none", force=True).score
            for smooth in ("exp", "none")
        }
        corpora.append({"candidates": candidates, "references": references, **scores})
        pairs += [(text, " ".join(several[0])) for text, several in zip(texts, references, strict=True)]
    scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"])
    pairs = [pair for pair in pairs if all(pair)][:40]
    rouge = [{name: score.fmeasure for name, score in scorer.score(target, own).items()} for own, target in pairs]
    mixed = [(" ".join(changed(text.split(), draw)), text) for text in TEXTS * 3] + [(text, text) for text in TEXTS]
    raw = {
        "candidates": [own for own, _ in mixed],
        "references": [other for _, other in mixed],
        "score": sacrebleu.corpus_bleu([own for own, _ in mixed], [[other for _, other in mixed]]).score,
        "alone": [sacrebleu.corpus_bleu([own], [[other]]).score for own, other in mixed],
    }
    found = {
        "bleu": corpora,
        "raw": raw,
        "pairs": pairs,
        "rouge": rouge,
        "wer": jiwer.wer([other for _, other in pairs], [own for own, _ in pairs]),
        "wer_alone": [jiwer.wer(other, own) for own, other in pairs],
    }
    target = Path(__file__).parent / "fixtures" / "metrics.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(found, ensure_ascii=False, indent=None) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
