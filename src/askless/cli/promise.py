"""The options that promise an accuracy, and what is said of those who audit it."""

from typing import Annotated

import typer

from askless.errors import ConfigError
from askless.settings import PromiseSettings

TargetAccuracy = Annotated[
    float | None,
    typer.Option(help="Go on until audits show that this share of all labels is right; promise.target_accuracy."),
]
Confidence = Annotated[float | None, typer.Option(help="The chance that the promise is kept; promise.confidence.")]


def promise_settings(target_accuracy: float | None, confidence: float | None) -> list[str]:
    """The settings that the options stand for, of those that are given.

    Raises:
        ConfigError: a confidence in nothing.
    """
    if confidence is not None and target_accuracy is None:
        raise ConfigError(f"--confidence {confidence} promises nothing alone; give --target-accuracy, too.")
    given = {"promise.target_accuracy": target_accuracy, "promise.confidence": confidence}
    return [f"{key}={value}" for key, value in given.items() if value is not None]


def name_auditors(promise: PromiseSettings) -> str:
    """One sentence on who they are."""
    names = ", ".join(promise.auditors)
    return f"The promise is proved by audits, which ask only people whom you trust (promise.auditors): {names}."
