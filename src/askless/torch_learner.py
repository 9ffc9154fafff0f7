"""Any torch network as the machine (extra `[torch]`): a function of the user's makes it, askless trains it."""

import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from askless.core.learner import Minibatch
from askless.errors import ConfigError
from askless.settings import LearnerSettings
from askless.types import Float32Array

try:
    import torch
except ImportError as error:
    raise ConfigError("A torch network needs torch, which is not installed; pip install 'askless[torch]'.") from error


class TorchLearner:
    """Makes a torch network for each fit (the paper's `init_learner`); give it to `Campaign.create` as `learner`.

    Args:
        make: `make(n_dimensions, n_classes)` returns a new `torch.nn.Module` that turns (n, D) float32 features into
            (n, K) logits.
        device: cpu, cuda, or auto, which is cuda where there is one.
        name: how logs and messages call it; by default the name of `make`.

    Raises:
        ConfigError: cuda, where torch sees no GPU.
    """

    def __init__(self, make: Callable[[int, int], Any], device: str = "auto", name: str | None = None) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("learner.device=cuda, but torch sees no GPU here; set learner.device=cpu or auto.")
        is_cuda = device != "cpu" and torch.cuda.is_available()
        self.device = torch.device("cuda" if is_cuda else "cpu")
        self.make = make
        self.name = name or str(getattr(make, "__qualname__", type(make).__qualname__))

    def __call__(
        self, n_dimensions: int, n_classes: int, settings: LearnerSettings, rng: np.random.Generator
    ) -> "TorchNetwork":
        """A network with fresh weights, tried on two random rows.

        Raises:
            ConfigError: `make` fails, or what it makes is no network, has no weights or gives other than finite logits.
        """
        seed = int(rng.integers(2**62))
        with _reproducible(self.device, seed):
            try:
                module = self.make(n_dimensions, n_classes)
            except Exception as error:
                raise ConfigError(
                    f"{self.name} failed ({_brief(error)}); it is called with the numbers of dimensions and classes."
                ) from error
        if not isinstance(module, torch.nn.Module):
            raise ConfigError(f"{self.name} made a {type(module).__qualname__}; it must make a torch.nn.Module.")
        module.to(self.device, torch.float32)
        trial = rng.standard_normal((2, n_dimensions), dtype=np.float32)
        return TorchNetwork(module, n_classes, settings.weight_decay, self.device, seed, trial, self.name)


class TorchNetwork:
    """A `Network` around a torch module; on the CPU the same seed gives the same network."""

    def __init__(
        self,
        module: Any,
        n_classes: int,
        weight_decay: float,
        device: Any,
        seed: int,
        trial: Float32Array,
        name: str,
    ) -> None:
        self.module = module
        self.n_classes = n_classes
        self.device = device
        self.seed = seed
        self.name = name
        if not np.isfinite(self.predict_proba(trial)).all():
            raise ConfigError(f"The network of {name} gives NaN or infinity; it must give finite logits.")
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        if not weights:
            raise ConfigError(f"The network of {name} has no weights to train; it must have some.")
        self.optimiser = torch.optim.Adam(weights, weight_decay=weight_decay)
        self.n_steps = 0
        self.keep()

    def step(self, minibatch: Minibatch, rate: float) -> None:
        self.n_steps += 1
        n = minibatch.n_labelled
        targets = self._tensor(minibatch.targets)
        self.module.train()
        with _reproducible(self.device, self.seed + self.n_steps):
            logits = self._logits(minibatch.X)
            loss = torch.nn.functional.cross_entropy(logits[:n], targets[:n])
            if n < len(logits):
                squared = (torch.softmax(logits[n:], dim=1) - targets[n:]) ** 2
                loss = loss + minibatch.weight * squared.mean()
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()

    def predict_proba(self, X: npt.NDArray[Any]) -> Float32Array:
        self.module.eval()
        with _reproducible(self.device, self.seed), torch.no_grad():
            probability: Float32Array = torch.softmax(self._logits(X), dim=1).cpu().numpy()
        return probability

    def keep(self) -> None:
        self.kept = deepcopy(self.module.state_dict())

    def restore(self) -> None:
        self.module.load_state_dict(self.kept)

    def _tensor(self, array: npt.NDArray[Any]) -> Any:
        return torch.tensor(array, dtype=torch.float32, device=self.device)

    def _logits(self, X: npt.NDArray[Any]) -> Any:
        try:
            logits = self.module(self._tensor(X))
        except Exception as error:
            raise ConfigError(
                f"The network of {self.name} failed on features of shape {X.shape} ({_brief(error)}); correct it."
            ) from error
        shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__qualname__
        if shape != (len(X), self.n_classes):
            raise ConfigError(
                f"The network of {self.name} turns features of shape {X.shape} into {shape}; "
                f"it must give logits of shape {len(X), self.n_classes}."
            )
        return logits


def load_learner(module: str, device: str) -> TorchLearner:
    """The learner that `learner.module=FILE.py:FUNCTION` names.

    Raises:
        ConfigError: no such file or function, or the file cannot be run.
    """
    name, _, function = module.rpartition(":")
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        raise ConfigError(
            f"learner.module={module} names no Python file that is there; write FILE.py:FUNCTION, and check the path."
        )
    try:
        make = runpy.run_path(name).get(function)
    except Exception as error:
        raise ConfigError(f"{path} cannot be run ({_brief(error)}); correct it.") from error
    if not callable(make):
        raise ConfigError(f"{path} has no function {function!r}; name one that makes a torch.nn.Module.")
    return TorchLearner(make, device, module)


@contextmanager
def _reproducible(device: Any, seed: int) -> Iterator[None]:
    """Torch's own draws come from `seed`, and one thread adds up in one order; afterwards all is as it was."""
    n_threads = torch.get_num_threads()
    is_cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if is_cuda else []):
        torch.default_generator.manual_seed(seed)
        if is_cuda:
            torch.cuda.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
