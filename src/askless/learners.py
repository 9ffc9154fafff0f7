"""Which learner a campaign works with: the one that was given, or the one that its settings name."""

from askless.core.learner import Learner, NetworkMaker
from askless.core.tanh_network import TanhNetwork
from askless.errors import ConfigError
from askless.randomness import generator
from askless.settings import LearnerSettings


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
