"""What is believed of an annotator before the first answer: Dirichlet counts, row = truth."""

import numpy as np
from scipy.special import expit, logit

from askless.errors import ConfigError
from askless.settings import GoldPrior, PriorSettings
from askless.types import FloatArray

GOLD_STRENGTH = 5.0  # how many gold answers weigh as much as what person and class let expect


def prior_counts(
    settings: PriorSettings,
    n_classes: int,
    population_counts: FloatArray | None = None,
    annotator_confusion: FloatArray | None = None,
) -> FloatArray:
    """The seven priors of the paper (section 4.1 and its code) as `strength * base`.

    `predefined_homogeneous` counts `pos_count` for the right label and `neg_count / K` for each wrong one.
    The others are oracles: `homogeneous*` look at a whole population, `heterogeneous*` at each annotator.
    Of the matrix they look at they keep everything (`_perfect`), the diagonal of each class
    (`_diagonal_perfect`), or only its mean; what a row holds beside its diagonal is spread evenly over the
    K - 1 wrong labels.

    Args:
        settings: kind, strength and, for the predefined one, its two counts.
        n_classes: K >= 2.
        population_counts: (K, K), of any scale: the prior weighs as much as these counts do.
        annotator_confusion: (J, K, K), rows sum to 1.

    Returns:
        (K, K) for the homogeneous kinds, (J, K, K) for the heterogeneous ones.

    Raises:
        ConfigError: an oracle without the matrix it looks at.
    """
    if settings.kind == "predefined_homogeneous":
        right = np.full(n_classes, settings.pos_count)
        wrong = np.full(n_classes, settings.neg_count / n_classes)
        return settings.strength * _with_diagonal(right, wrong)

    oracle = population_counts if settings.kind.startswith("homogeneous") else annotator_confusion
    if oracle is None:
        raise ConfigError(
            f"prior.kind={settings.kind} needs the true confusions; only a simulated crowd has it; "
            "choose predefined_homogeneous."
        )
    if settings.kind in ("homogeneous_perfect", "heterogeneous_perfect"):
        return settings.strength * oracle

    right = np.diagonal(oracle, axis1=-2, axis2=-1)
    totals = oracle.sum(axis=-1)
    if settings.kind in ("homogeneous", "heterogeneous"):
        right = np.broadcast_to(right.mean(axis=-1, keepdims=True), right.shape)
        totals = np.broadcast_to(totals.mean(axis=-1, keepdims=True), totals.shape)
    return settings.strength * _with_diagonal(right, (totals - right) / (n_classes - 1))


def gold_prior_counts(gold: FloatArray, kind: GoldPrior, strength: float) -> FloatArray:
    """What answers to gold questions tell of J annotators (the paper, 4.1: its priors A and B, there from the truth).

    With n answers of which r are right, an accuracy is (r + 1) / (n + 2):

        class      a_y of everyone's answers to class y (the paper's A)
        annotator  a_j of all answers of j (B)
        both       a_jy = (r_jy + GOLD_STRENGTH * m_jy) / (n_jy + GOLD_STRENGTH),
                   logit m_jy = logit a_j + logit a_y - logit a,      a of all answers

    so that one person's few answers to one class move what person and class let expect only a little. A row of the
    prior is strength * a for the right label; the rest of `strength` is spread evenly over the K - 1 wrong ones.

    Args:
        gold: (J, K, K), how often each said what, row = truth.
        kind: one of the three.
        strength: how many answers the prior is worth for each class.

    Returns:
        (K, K) for `class`, (J, K, K) for the other two.
    """
    n, right = gold.sum(axis=2), np.diagonal(gold, axis1=1, axis2=2)
    K = gold.shape[1]
    of_class, of_annotator, of_all = (
        (right.sum(axis=axes) + 1) / (n.sum(axis=axes) + 2) for axes in ((0,), (1,), (0, 1))
    )
    match kind:
        case "class":
            accuracy = of_class
        case "annotator":
            accuracy = np.repeat(of_annotator[:, None], K, axis=1)
        case "both":
            expected = expit(logit(of_annotator)[:, None] + logit(of_class) - logit(of_all))
            accuracy = (right + GOLD_STRENGTH * expected) / (n + GOLD_STRENGTH)
    return strength * _with_diagonal(accuracy, (1 - accuracy) / (K - 1))


def check_prior_counts(prior_counts: FloatArray, n_classes: int) -> FloatArray:
    """The counts as float64, (K, K) or (J, K, K).

    Raises:
        ConfigError: another shape, negative or non-finite entries, a row without any count.
    """
    counts = np.asarray(prior_counts, dtype=np.float64)
    if counts.ndim not in (2, 3) or counts.shape[-2:] != (n_classes, n_classes):
        raise ConfigError(
            f"prior_counts have shape {counts.shape}; give ({n_classes}, {n_classes}) for everyone, or one such "
            "matrix per annotator."
        )
    if not np.isfinite(counts).all() or (counts < 0).any() or (counts.sum(-1) <= 0).any():
        raise ConfigError(
            "prior_counts must be finite, not negative, and not all zero in any row; correct the rows that are."
        )
    return counts


def _with_diagonal(right: FloatArray, wrong: FloatArray) -> FloatArray:
    """(..., K, K) from (..., K) entries on the diagonal and (..., K) entries for the rest of each row."""
    return np.where(np.eye(right.shape[-1], dtype=bool), right[..., None], wrong[..., None])
