"""Which learner a campaign works with: the one that was given, or the one that its settings name."""

from askless.core.learner import Learner, NetworkMaker
from askless.core.machine import check_settings
from askless.core.tanh_network import TanhNetwork
from askless.errors import ConfigError
from askless.randomness import generator
from askless.settings import LearnerSettings
from askless.types import Dataset, Features, Prototypes


def choose_learner(
    settings: LearnerSettings, given: Learner | NetworkMaker | None, n_dimensions: int, n_classes: int
) -> Learner | NetworkMaker:
    """A learner that can be used; a network is made once, to see that it fits, before it is needed.

    Raises:
        ConfigError: what was given is no learner, or the settings name one that cannot be made.
    """
    learner = given
    if learner is None:
        learner = TanhNetwork
        if settings.module is not None:
            from askless.torch_learner import load_learner  # torch is an extra

            learner = load_learner(settings.module, settings.device)
    if not isinstance(learner, Learner | NetworkMaker):
        raise ConfigError(
            f"{learner!r} is no learner; give an object with fit and predict_proba, or TorchLearner(make)."
        )
    if not isinstance(learner, Learner):
        learner(n_dimensions, n_classes, settings, generator(0, "trial"))
    return learner


def check_learner(
    settings: LearnerSettings,
    given: Learner | NetworkMaker | None,
    prototypes: Prototypes,
    features: Features,
    dataset: Dataset,
) -> Learner | NetworkMaker:
    """As `choose_learner`, for what is not yet in a log.

    Raises:
        ConfigError: likewise; or what was given, the settings and the prototypes do not fit together.
    """
    if given is not None and settings.algo != "mlp":
        means = "no learner" if settings.algo == "dummy" else "the one of learner.module"
        raise ConfigError(f"learner.algo={settings.algo} means {means}, but one was given; set learner.algo=mlp.")
    chosen = choose_learner(settings, given, features.values.shape[1], dataset.n_classes)
    check_settings(settings, prototypes, chosen)
    return chosen
