"""What the machine believes when it is several heads on frozen features, none of which has seen an item's own labels.

    log m_i[k]  =  sum over heads h of  weight_h * log m_ih[k]  + const,   then   m_i <- m_i R

What a head says of an item owes nothing to that item's own labels. Linear heads are fitted once without each of five
folds, in one of which every item is for good; neighbours take an item's own label out again. Heads of one kind that
differ in a penalty are compared, each kind is sharpened, the kinds are weighed, and the whole may be corrected by its
own confusion R: all by one judge (`judge.py`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from weakref import WeakKeyDictionary

import numpy as np

from askless.core import gaussian, linear, logistic, neighbours
from askless.core.graph import join
from askless.core.judge import Judge, crowd_weight
from askless.core.linear import LinearHead
from askless.core.machine_confusion import machine_confusion
from askless.core.normalise import normalise
from askless.core.reduce import Reduced, reduce
from askless.randomness import generator
from askless.settings import Head, PoolSettings
from askless.types import BoolArray, Features, Float32Array, FloatArray, IntArray, Prototypes

N_FOLDS = 5
SHRINKAGES = (0.01, 0.03, 0.1, 0.3, 0.7)
PENALTIES = (30.0, 3.0)
EVENNESS = (0.0, 0.5)
"""Of the scales of the features' axes, for neighbours."""

ROWS_PER_BLOCK = 4096

MIN_PRIOR = np.float32(1e-6)

UNJUDGED_POWER = 0.7
"""Of neighbours whom nobody can judge (measured: with one prototype a class, .7 to 1.7 would be best)."""

MAX_LOGISTIC = 5000
"""So many examples are learnt from at most, by a head that goes over them again and again."""

MAX_JUDGED = 3000
"""So many items that people have labelled judge at most."""


@dataclass(frozen=True, eq=False)
class Examples:
    """Items to learn from.

    Args:
        rows: (n,) which items, sorted.
        X: (n, d) their reduced features.
        targets: (n, K) what is believed of them.
        fold: (n,) in which part each is.
    """

    rows: IntArray
    X: Float32Array
    targets: Float32Array
    fold: IntArray

    def some(self, max_rows: int) -> "Examples":
        """About evenly spread over the items."""
        chosen = slice(None, None, max(1, -(-len(self.rows) // max_rows)))
        return Examples(self.rows[chosen], self.X[chosen], self.targets[chosen], self.fold[chosen])


@dataclass(frozen=True, eq=False)
class Candidate:
    """What a head says.

    Args:
        held_out: logits (m, K) of some of the examples, from their m positions, as if their own labels were not known.
        elsewhere: logits (m, K) of items that are no examples, from m rows of all.
    """

    held_out: Callable[[IntArray], Float32Array]
    elsewhere: Callable[[IntArray], Float32Array]


@dataclass(frozen=True, eq=False)
class Pool:
    """Fitted heads and how they are joined.

    Args:
        rows: (n,) the examples.
        n_items: N.
        heads: the best of each kind.
        best: (H,) which of its kind each is.
        powers: (H,) by which the logits of each are multiplied: its sharpness times its weight.
        confusion: (K, K) of the machine.
        loss: the judge's, in nats, mean; infinite if there was no judge.
    """

    rows: IntArray
    n_items: int
    heads: list[Candidate]
    best: list[int]
    powers: FloatArray
    confusion: FloatArray
    loss: float

    def of_examples(self) -> Float32Array:
        """(N, K) probabilities: for the examples what heads say that have not seen their fold, 0 for other items."""
        machine = np.zeros((self.n_items, len(self.confusion)), np.float32)
        for some in _blocks(np.arange(len(self.rows))):
            machine[self.rows[some]] = self._join([head.held_out(some) for head in self.heads])
        return machine

    def of_all(self) -> Float32Array:
        """(N, K) probabilities: for other items what the heads of all folds say together."""
        machine = self.of_examples()
        for some in _blocks(np.setdiff1d(np.arange(self.n_items), self.rows)):
            machine[some] = self._join([head.elsewhere(some) for head in self.heads])
        return machine

    def _join(self, logits: list[Float32Array]) -> Float32Array:
        """The log-linear pool; what sharpened logits lack to being normalised is the same for all classes."""
        together: Float32Array = np.einsum("h,hnk->nk", self.powers.astype(np.float32), np.array(logits))
        return normalise(together) @ self.confusion.astype(np.float32)


_known: WeakKeyDictionary[Features, tuple[Prototypes, int, PoolSettings, Float32Array | None]] = WeakKeyDictionary()


def fit(
    features: Features,
    prototypes: Prototypes,
    belief: FloatArray,
    is_annotated: BoolArray,
    evidence: FloatArray,
    settings: PoolSettings,
    before: Pool | None = None,
) -> Pool | None:
    """Fits the pool to what is believed so far; none before the first answer if a class has no prototype, or if nothing
    judges yet and the pool has no neighbours.

    A class that the heads have never seen would lose its items to the others, surely and for good.

    Args:
        features: (N, D).
        prototypes: items whose label is known.
        belief: (N, K) targets of annotated items; rows sum to 1.
        is_annotated: (N,) whether anyone has labelled the item.
        evidence: (N, K) log likelihood of each item's labels.
        settings: which heads, whether the confusion is corrected.
        before: fitted to what was believed a turn ago: of each kind that head is fitted alone which was the best then.
    """
    reduced = reduce(features, settings.max_components)
    examples, known = _examples(reduced, prototypes, belief, is_annotated)
    if not examples.targets.any(axis=0).all():
        return None
    judged, judge = _judge(examples, known, evidence)
    if not judge.weight.sum() > 0:
        return _unjudged(examples, reduced, len(belief), settings)
    chosen, which, sharpness, said = [], [], [], []
    kinds = [_HEADS[head](examples, reduced) for head in settings.heads]
    if features.prior is not None:
        kinds.append(_prior(examples, features.prior))
    for position, kind in enumerate(kinds):
        first, end = (before.best[position], before.best[position] + 1) if before else (0, None)
        candidates = list(islice(kind, first, end))
        sharpened = [judge.sharpen(candidate.held_out(judged).astype(np.float64)) for candidate in candidates]
        losses = [judge.loss(np.exp(log_probability)) for log_probability, _ in sharpened]
        best = int(np.argmin(losses))
        chosen.append(candidates[best])
        which.append(first + best)
        said.append(sharpened[best][0])
        sharpness.append(sharpened[best][1])
    stacked = np.array(said)
    weights = judge.weigh(stacked)
    pooled = normalise(np.tensordot(weights, stacked, 1))
    confusion = machine_confusion(pooled, judge) if settings.has_confusion else np.eye(belief.shape[1])
    loss = judge.loss(pooled @ confusion) / float(judge.weight.sum())
    return Pool(examples.rows, len(belief), chosen, which, weights * np.array(sharpness), confusion, loss)


def of_prototypes(
    features: Features, prototypes: Prototypes, n_classes: int, settings: PoolSettings
) -> Float32Array | None:
    """(N, K) what the pool makes of the prototypes alone, none if these are too few; kept as long as the features."""
    kept = _known.get(features)
    if kept is None or kept[0] is not prototypes or kept[1:3] != (n_classes, settings):
        nothing = np.zeros((len(features), n_classes))
        fitted = fit(features, prototypes, nothing, np.zeros(len(features), bool), nothing, settings)
        machine = fitted.of_all() if fitted else None
        _known[features] = kept = (prototypes, n_classes, settings, machine)
    return kept[3]


def _examples(
    reduced: Reduced, prototypes: Prototypes, belief: FloatArray, is_annotated: BoolArray
) -> tuple[Examples, BoolArray]:
    """Annotated items and prototypes, and which of them are prototypes."""
    is_known = np.zeros(len(belief), bool)
    is_known[prototypes.item] = True
    rows = np.flatnonzero(is_annotated | is_known)
    targets = belief[rows].astype(np.float32)
    known = is_known[rows]
    of_item = np.zeros(len(belief), np.int64)
    of_item[prototypes.item] = prototypes.label
    targets[known] = np.eye(belief.shape[1], dtype=np.float32)[of_item[rows[known]]]
    fold = generator(0, "folds").integers(N_FOLDS, size=len(belief))[rows]
    return Examples(rows, reduced.values[rows], targets, fold), known


def _judge(examples: Examples, known: BoolArray, evidence: FloatArray) -> tuple[IntArray, Judge]:
    """Which examples judge, and how.

    A prototype judges as far as its class could be learnt without its fold: where one is all that there is of a class,
    nothing but that it is unknown could be found out.
    """
    K = evidence.shape[1]
    prototypes, annotated = np.flatnonzero(known), np.flatnonzero(~known)
    judged = annotated[:: max(1, -(-len(annotated) // MAX_JUDGED))]
    said = evidence[examples.rows[judged]]
    likelihood = np.exp(said - said.max(axis=1, keepdims=True))
    of_fold = np.array([examples.targets[examples.fold == f].sum(axis=0) for f in range(N_FOLDS)]).reshape(N_FOLDS, K)
    elsewhere = of_fold.sum(axis=0) - of_fold[examples.fold[prototypes]]
    weight = np.minimum(1.0, (elsewhere * examples.targets[prototypes]).sum(axis=1))
    of_crowd = np.full(len(judged), crowd_weight(float(weight.sum()), len(judged), K))
    return (
        np.concatenate([prototypes, judged]),
        Judge(np.concatenate([examples.targets[prototypes], likelihood]), np.concatenate([weight, of_crowd])),
    )


def _unjudged(examples: Examples, reduced: Reduced, n_items: int, settings: PoolSettings) -> Pool | None:
    """With one prototype a class nothing is left to judge by; what lies near each of them is known all the same."""
    if "neighbours" not in settings.heads:
        return None
    last = len(EVENNESS) - 1
    head = next(islice(_neighbours(examples, reduced), last, None))
    uncorrected = np.eye(examples.targets.shape[1])
    return Pool(examples.rows, n_items, [head], [last], np.array([UNJUDGED_POWER]), uncorrected, np.inf)


def _blocks(rows: IntArray) -> Iterator[IntArray]:
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        yield rows[start : start + ROWS_PER_BLOCK]


def _linear(fitted: list[LinearHead], examples: Examples, reduced: Reduced) -> Candidate:
    """From the heads that were fitted without each fold."""
    together = linear.mean(fitted)

    def held_out(some: IntArray) -> Float32Array:
        logits = np.empty((len(some), examples.targets.shape[1]), np.float32)
        for f, head in enumerate(fitted):
            is_of_fold = examples.fold[some] == f
            logits[is_of_fold] = head.logits(examples.X[some[is_of_fold]])
        return logits

    return Candidate(held_out, lambda rows: together.logits(reduced.values[rows]))


def _gaussians(examples: Examples, reduced: Reduced) -> Iterator[Candidate]:
    X, targets = examples.X.astype(np.float64), examples.targets.astype(np.float64)
    parts = [gaussian.Moments.of(X[examples.fold == f], targets[examples.fold == f]) for f in range(N_FOLDS)]
    without = [gaussian.total([*parts[:f], *parts[f + 1 :]]) for f in range(N_FOLDS)]
    fitted = [gaussian.fit(seen, reduced.variance, SHRINKAGES) for seen in without]
    for heads in zip(*fitted, strict=True):
        yield _linear(list(heads), examples, reduced)


def _logistics(examples: Examples, reduced: Reduced) -> Iterator[Candidate]:
    """The head of a lower penalty begins where that of the higher one ended, and goes half as far."""
    few = examples.some(MAX_LOGISTIC)
    parts = [(few.X[few.fold != f], few.targets[few.fold != f]) for f in range(N_FOLDS)]
    high, low = PENALTIES
    fitted = [logistic.fit(*part, high) for part in parts]
    yield _linear(fitted, examples, reduced)
    further = logistic.MAX_ITERATIONS // 2
    yield _linear(
        [logistic.fit(*part, low, head, further) for part, head in zip(parts, fitted, strict=True)], examples, reduced
    )


def _neighbours(examples: Examples, reduced: Reduced) -> Iterator[Candidate]:
    for evenness in EVENNESS:
        labels = neighbours.spread(join(reduced, evenness), examples.rows, examples.targets)
        yield Candidate(labels.of_labelled, labels.of_others)


def _prior(examples: Examples, prior: Float32Array) -> Iterator[Candidate]:
    """What was believed beforehand has learnt from nobody's labels."""
    log_prior = np.log(np.maximum(prior, MIN_PRIOR))
    yield Candidate(lambda some: log_prior[examples.rows[some]], log_prior.__getitem__)


_HEADS: dict[Head, Callable[[Examples, Reduced], Iterator[Candidate]]] = {
    "gaussian": _gaussians,
    "logistic": _logistics,
    "neighbours": _neighbours,
}
