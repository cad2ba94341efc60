"""Metrics over batches of any sizes against scikit-learn over everything."""

import json
import math
import pathlib

import numpy as np
import pytest

import facula
from facula import metrics

sklearn = pytest.importorskip("sklearn.metrics")
RNG = np.random.default_rng(0)
SCORES, TRUTH = RNG.normal(size=(97, 4)).astype(np.float32), RNG.integers(0, 4, 97)
CHANCE, SIDE = np.round(RNG.random(97), 1).astype(np.float32), RNG.integers(0, 2, 97)


def over_batches(metric, preds, target):
    for start in (0, 10, 11, 60):
        end = {0: 10, 10: 11, 11: 60, 60: 97}[start]
        metric(facula.tensor(preds[start:end]), facula.tensor(target[start:end]))
    return metric.compute()


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "none"])
@pytest.mark.parametrize("name", ["Precision", "Recall", "F1Score", "JaccardIndex"])
def test_rates_of_classes(name, average):
    reference = {"F1Score": "f1_score", "JaccardIndex": "jaccard_score"}.get(name, f"{name.lower()}_score")
    found = over_batches(getattr(metrics, name)("multiclass", num_classes=4, average=average), SCORES, TRUTH)
    wanted = getattr(sklearn, reference)(TRUTH, SCORES.argmax(1), average=None if average == "none" else average)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_accuracy_and_confusion():
    said = SCORES.argmax(1)
    four = {"task": "multiclass", "num_classes": 4}
    assert over_batches(metrics.Accuracy(**four), SCORES, TRUTH) == pytest.approx(sklearn.accuracy_score(TRUTH, said))
    macro = over_batches(metrics.Accuracy(**four, average="macro"), said, TRUTH)
    assert macro == pytest.approx(sklearn.balanced_accuracy_score(TRUTH, said))
    matrix = over_batches(metrics.ConfusionMatrix(**four), SCORES, TRUTH)
    np.testing.assert_array_equal(matrix, sklearn.confusion_matrix(TRUTH, said))
    ignoring = over_batches(metrics.Accuracy(**four, ignore_index=2), SCORES, TRUTH)
    assert ignoring == pytest.approx(sklearn.accuracy_score(TRUTH[TRUTH != 2], said[TRUTH != 2]))


def test_two_classes():
    for name in ("accuracy", "precision", "recall"):
        found = over_batches(getattr(metrics, name.title())("binary"), CHANCE, SIDE)
        assert found == pytest.approx(getattr(sklearn, f"{name}_score")(SIDE, CHANCE > 0.5))
    assert over_batches(metrics.AUROC(), CHANCE, SIDE) == pytest.approx(sklearn.roc_auc_score(SIDE, CHANCE))
    found = over_batches(metrics.AveragePrecision(), CHANCE, SIDE)
    assert found == pytest.approx(sklearn.average_precision_score(SIDE, CHANCE))


def test_ranked_classes():
    chances = np.exp(SCORES.astype(np.float64))
    chances /= chances.sum(1, keepdims=True)
    wanted = sklearn.roc_auc_score(TRUTH, chances, multi_class="ovr")
    assert over_batches(metrics.AUROC(), chances, TRUTH) == pytest.approx(wanted)
    wanted = sklearn.average_precision_score(np.eye(4)[TRUTH], chances, average="macro")
    assert over_batches(metrics.AveragePrecision(), chances, TRUTH) == pytest.approx(wanted)


def test_regression():
    y, target = RNG.normal(size=97), RNG.normal(size=97) + 1e4
    for metric, reference in (
        (metrics.MeanSquaredError(), sklearn.mean_squared_error),
        (metrics.MeanSquaredError(squared=False), sklearn.root_mean_squared_error),
        (metrics.MeanAbsoluteError(), sklearn.mean_absolute_error),
        (metrics.R2Score(), sklearn.r2_score),
    ):
        assert over_batches(metric, y, target) == pytest.approx(reference(target, y), rel=1e-9)


def test_perplexity_is_exp_of_cross_entropy():
    metric = metrics.Perplexity(ignore_index=3)
    kept = TRUTH != 3
    found = over_batches(metric, SCORES, TRUTH)
    assert found == pytest.approx(
        math.exp(sklearn.log_loss(TRUTH[kept], softmax(SCORES[kept]), labels=range(4))), rel=1e-5
    )


def softmax(scores):
    grown = np.exp(scores.astype(np.float64))
    return grown / grown.sum(1, keepdims=True)


def test_bleu_of_known_sentences():
    metric = metrics.BLEUScore()
    metric.update(["the cat is on the mat"], [["there is a cat on the mat", "a cat is on the mat"]])
    assert metric.compute() == pytest.approx((5 / 6 * 4 / 5 * 3 / 4 * 2 / 3) ** 0.25)
    short = metrics.BLEUScore(n_gram=1)
    assert short(["the cat"], [["the cat sat down"]]) == pytest.approx(math.exp(-1))
    assert short(["a"], [["b"]]) == 0.0


def test_word_errors_add_up():
    metric = metrics.WordErrorRate()
    metric(["hello world"], ["hello beautiful world"])
    metric(["a b c", ""], ["a x c d", "e"])
    assert metric.compute() == pytest.approx((1 + 2 + 1) / (3 + 4 + 1))


def test_mean_average_precision():
    metric = metrics.MeanAveragePrecision()
    box = {"boxes": facula.tensor([[0.0, 0, 10, 10]]), "labels": facula.tensor([1])}
    assert metric([{**box, "scores": facula.tensor([0.9])}], [box]) == pytest.approx(1.0)
    half = {"boxes": facula.tensor([[0.0, 0, 10, 7.2]]), "labels": facula.tensor([1]), "scores": facula.tensor([0.95])}
    assert metric([half], [box]) == pytest.approx(0.5)  # right at 0.5 to 0.7, five of ten thresholds
    # the surer of two predictions misses from 0.75 on: precision there is 1/2 up to a recall of 1/2
    assert metric.compute() == pytest.approx((5 * 1.0 + 5 * 51 / 101 / 2) / 10)
    assert math.isnan(metrics.MeanAveragePrecision()([], []))


def test_mean_average_precision_is_that_of_coco():
    facts = json.loads(pathlib.Path(__file__).with_name("map.json").read_text(encoding="utf-8"))
    for name, thresholds in (("map", None), ("map_50", [0.5]), ("map_75", [0.75])):
        metric = metrics.MeanAveragePrecision(thresholds)
        for case in facts["pictures"]:
            metric([case["preds"]], [case["target"]])
        assert metric.compute() == pytest.approx(facts[name], abs=1e-12)


def test_of_a_picture_and_class_a_hundred_boxes_count():
    box = {"boxes": [[0.0, 0, 10, 10]], "labels": [1]}
    wrong = {"boxes": [[20.0, 20, 30, 30]] * 100, "labels": [1] * 100, "scores": [0.9] * 100}
    late = {name: [*wrong[name], *{**box, "scores": [0.1]}[name]] for name in wrong}
    assert metrics.MeanAveragePrecision()([late], [box]) == 0.0
    earlier = {name: values[1:] for name, values in late.items()}
    assert metrics.MeanAveragePrecision()([earlier], [box]) == pytest.approx(0.01)


LABELS = (SCORES[:, :3] + RNG.normal(size=(97, 3)) > 0).astype(int)
PARTS = 1 / (1 + np.exp(-SCORES[:, :3].astype(np.float64)))


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "none"])
@pytest.mark.parametrize("name", ["Precision", "Recall", "F1Score", "JaccardIndex", "AUROC", "AveragePrecision"])
def test_several_labels_at_once(name, average):
    made = getattr(metrics, name)("multilabel", num_labels=3, average=average)
    names = {"F1Score": "f1", "JaccardIndex": "jaccard", "AUROC": "roc_auc", "AveragePrecision": "average_precision"}
    reference = getattr(sklearn, f"{names.get(name, name.lower())}_score")
    said = PARTS if hasattr(made, "scores") else (PARTS > 0.5).astype(int)
    wanted = reference(LABELS, said, average=None if average == "none" else average)
    np.testing.assert_allclose(over_batches(made, PARTS, LABELS), wanted, rtol=1e-12)


def test_accuracy_and_tables_of_labels():
    found = over_batches(metrics.ConfusionMatrix("multilabel", num_labels=3), PARTS, LABELS)
    np.testing.assert_array_equal(found, sklearn.multilabel_confusion_matrix(LABELS, PARTS > 0.5))
    right = ((PARTS > 0.5) == LABELS).mean(axis=0)
    for average, wanted in (("micro", right.mean()), ("macro", right.mean()), ("none", right)):
        made = metrics.Accuracy("multilabel", num_labels=3, average=average)
        np.testing.assert_allclose(over_batches(made, PARTS, LABELS), wanted)
    share = LABELS.sum(axis=0) / LABELS.sum()
    weighted = over_batches(metrics.Accuracy("multilabel", num_labels=3, average="weighted"), PARTS, LABELS)
    assert weighted == pytest.approx((right * share).sum())


@pytest.mark.parametrize("average", ["macro", "weighted"])
@pytest.mark.parametrize("name", ["Precision", "Recall", "F1Score", "JaccardIndex"])
def test_targets_that_do_not_count(name, average):
    made = getattr(metrics, name)("multiclass", num_classes=4, average=average, ignore_index=1)
    kept, names = TRUTH != 1, {"F1Score": "f1", "JaccardIndex": "jaccard"}
    reference = getattr(sklearn, f"{names.get(name, name.lower())}_score")
    wanted = reference(TRUTH[kept], SCORES.argmax(1)[kept], average=average, zero_division=0)
    assert over_batches(made, SCORES, TRUTH) == pytest.approx(wanted)
    hidden = np.where(np.arange(97) % 5 == 0, -100, TRUTH)
    made = getattr(metrics, name)("multiclass", num_classes=4, average=average, ignore_index=-100)
    wanted = reference(TRUTH[hidden >= 0], SCORES.argmax(1)[hidden >= 0], average=average)
    assert over_batches(made, SCORES, hidden) == pytest.approx(wanted)


def test_scores_that_do_not_count():
    hidden, some = np.where(np.arange(97) % 5 == 0, -1, SIDE), np.arange(97) % 5 != 0
    found = over_batches(metrics.AUROC("binary", ignore_index=-1), CHANCE, hidden)
    assert found == pytest.approx(sklearn.roc_auc_score(SIDE[some], CHANCE[some]))
    hidden = np.where(np.arange(97) % 5 == 0, -1, TRUTH)
    chances = softmax(SCORES)
    found = over_batches(
        metrics.AUROC("multiclass", num_classes=4, ignore_index=-1, average="weighted"), chances, hidden
    )
    wanted = sklearn.roc_auc_score(TRUTH[some], chances[some], multi_class="ovr", average="weighted")
    assert found == pytest.approx(wanted)
    labels = LABELS.copy()
    labels[::5] = -1
    found = over_batches(metrics.AveragePrecision("multilabel", num_labels=3, ignore_index=-1), PARTS, labels)
    assert found == pytest.approx(sklearn.average_precision_score(LABELS[some], PARTS[some]))


def test_a_class_among_the_k_of_highest_scores():
    found = over_batches(metrics.Accuracy("multiclass", num_classes=4, top_k=2), SCORES, TRUTH)
    assert found == pytest.approx(sklearn.top_k_accuracy_score(TRUTH, SCORES, k=2))


def test_pictures_of_classes():
    scores, truth = RNG.normal(size=(4, 3, 5, 5)), RNG.integers(0, 3, (4, 5, 5))
    truth[:, 0] = 255
    made = metrics.JaccardIndex("multiclass", num_classes=3, average="macro", ignore_index=255)
    found, kept = made(scores, truth), truth != 255
    assert found == pytest.approx(sklearn.jaccard_score(truth[kept], scores.argmax(1)[kept], average="macro"))


class Gathers:
    """A strategy of two processes, of which `other` is the second's metric."""

    world_size = 2

    def __init__(self, other):
        self.other = other

    def gather(self, own):
        return [own, self.other.state_dict()]


@pytest.mark.parametrize(
    ("make", "preds", "target"),
    [
        (lambda: metrics.F1Score("multiclass", num_classes=4, average="macro"), SCORES, TRUTH),
        (lambda: metrics.Accuracy("multilabel", num_labels=3), PARTS, LABELS),
        (lambda: metrics.AUROC(), CHANCE, SIDE),
        (lambda: metrics.AveragePrecision("multilabel"), PARTS, LABELS),
        (lambda: metrics.R2Score(), CHANCE, SIDE),
        (lambda: metrics.MeanSquaredError(squared=False), CHANCE, SIDE),
        (lambda: metrics.Perplexity(), SCORES, TRUTH),
    ],
)
def test_over_processes_as_over_everything(make, preds, target):
    first, second, whole = make(), make(), make()
    first.update(preds[:41], target[:41])
    second.update(preds[41:], target[41:])
    whole.update(preds, target)
    before = first.compute()
    assert first.compute_over(Gathers(second)) == pytest.approx(whole.compute(), rel=1e-12)
    assert first.compute() == before


@pytest.mark.parametrize("empty", [0, 1])
def test_a_process_without_a_batch(empty):
    box = {"boxes": [[0.0, 0, 10, 10]], "labels": [1]}
    for make, arguments in (
        (metrics.MeanAveragePrecision, ([{**box, "scores": [0.9]}], [box])),
        (metrics.AUROC, (CHANCE, SIDE)),
        (metrics.BLEUScore, (["a b c d"], [["a b c d"]])),
    ):
        pair = [make(), make()]
        pair[1 - empty].update(*arguments)
        assert pair[0].compute_over(Gathers(pair[1])) == pair[1 - empty].compute()


def test_a_state_that_was_taken_stays():
    metric = metrics.BLEUScore(n_gram=1)
    metric.update(["a b"], [["a c"]])
    state = metric.state_dict()
    metric.update(["a b"], [["a b"]])
    assert (state["hits"].item(), state["grams"].item()) == (1, 2)
    again = metrics.BLEUScore(n_gram=1)
    again.load_state_dict(state)
    again.update(["a b"], [["a b"]])
    assert again.compute() == metric.compute() == 0.75
    assert state["hits"].item() == 1


def test_arguments_that_cannot_be():
    with pytest.raises(
        ValueError, match="Accuracy: expected task 'binary', or 'multiclass' with num_classes, or .*, got 'multi"
    ):
        metrics.Accuracy("multiclass")
    with pytest.raises(ValueError, match="Recall: expected average 'micro', .* got 'mean'"):
        metrics.Recall("binary", average="mean")
    with pytest.raises(ValueError, match=r"Accuracy: expected predictions .* got \(2,\) and \(3,\)"):
        metrics.Accuracy("binary")([1, 0], [1, 0, 1])
    with pytest.raises(NotImplementedError, match="Metric.update: expected a definition, got none"):
        metrics.Metric()()
