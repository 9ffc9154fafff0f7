"""What two of the heads have in common: their logits are linear in the features."""

from dataclasses import dataclass

import numpy as np

from askless.types import Float32Array, FloatArray


@dataclass(frozen=True, eq=False)
class LinearHead:
    """Logits X @ weights + bias: weights (d, K), bias (K,)."""

    weights: FloatArray
    bias: FloatArray

    def logits(self, X: Float32Array) -> Float32Array:
        """(n, K) of features (n, d)."""
        # some BLAS kernels raise the flag for lanes of a register that nobody reads
        with np.errstate(invalid="ignore"):
            logits: Float32Array = X @ self.weights.astype(np.float32)
        logits += self.bias.astype(np.float32)
        return logits


def mean(heads: list[LinearHead]) -> LinearHead:
    """The head whose logits are the mean of theirs."""
    return LinearHead(np.mean([head.weights for head in heads], axis=0), np.mean([head.bias for head in heads], axis=0))
