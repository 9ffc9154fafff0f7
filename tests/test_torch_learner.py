"""Networks of the user's own in torch: they equal the built-in one, resume, and are refused in one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askless.campaign import Campaign
from askless.core.learner import Minibatch
from askless.core.tanh_network import TanhNetwork
from askless.core.training import train
from askless.errors import ConfigError, DataError
from askless.settings import LearnerSettings
from askless.types import Features
from networks import NEEDS_TORCH, examples, layers
from small_campaign import (
    DATASET,
    FEATURES,
    PROTOTYPES,
    QUICK_LEARNER,
    K,
    answers,
    assert_same_estimate,
    create,
    read_file,
)

torch = pytest.importorskip("torch", reason=NEEDS_TORCH)
from askless.torch_learner import TorchLearner, load_learner  # noqa: E402

nn = torch.nn
D = 5


def settings(**changes: Any) -> LearnerSettings:
    return LearnerSettings(**{"algo": "mlp", "hidden_size": 8, "lr_ratio": 0.003, "max_epochs": 60} | changes)


def make_network(make: Any, seed: int = 0, device: str = "cpu", **changes: Any) -> Any:
    return TorchLearner(make, device)(D, K, settings(**changes), np.random.default_rng(seed))


def problem(n: int = 40) -> Any:
    rng = np.random.default_rng(3)
    label = np.arange(n) % K
    X = rng.normal(size=(n, D)) + 2 * np.eye(K, D)[label]
    return examples((X, label), (X[:12], label[:12]), unlabelled=rng.normal(size=(30, D)))


# As the built-in network


@pytest.mark.parametrize("n_hidden_layer", [0, 1])
@pytest.mark.parametrize("semi_supervised", ["none", "mixmatch"])
def test_from_the_same_weights_it_learns_what_the_built_in_network_learns(
    semi_supervised: str, n_hidden_layer: int
) -> None:
    chosen = settings(semi_supervised=semi_supervised, n_hidden_layer=n_hidden_layer, weight_decay=0.01)
    own = TanhNetwork(D, K, chosen, np.random.default_rng(0))
    other = make_network(layers([8] * n_hidden_layer), weight_decay=0.01)
    with torch.no_grad():
        linear = [part for part in other.module if isinstance(part, nn.Linear)]
        for layer, (weight, bias) in zip(linear, own.layers, strict=True):
            layer.weight.copy_(torch.tensor(weight.T))
            layer.bias.copy_(torch.tensor(bias))
    X = problem().values
    np.testing.assert_allclose(other.predict_proba(X), own.predict_proba(X), atol=1e-6)
    for network in (own, other):
        train(network, problem(), chosen, np.random.default_rng(5))
    np.testing.assert_allclose(other.predict_proba(X), own.predict_proba(X), atol=2e-3)


# Reproducible


def noisy(n_dimensions: int, n_classes: int) -> Any:
    return nn.Sequential(nn.Linear(n_dimensions, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, n_classes))


def test_drop_out_comes_from_the_seed_and_torch_is_left_as_it_was() -> None:
    torch.manual_seed(4)
    before, n_threads = torch.random.get_rng_state(), torch.get_num_threads()

    def belief(seed: int) -> Any:
        torch.rand(seed + 1)
        network = make_network(noisy, seed)
        train(network, problem(), settings(), np.random.default_rng(1))
        return network.predict_proba(problem().values)

    first = belief(0)
    torch.manual_seed(4)
    make_network(noisy)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == n_threads
    np.testing.assert_array_equal(first, belief(0))
    assert (first != belief(1)).any()


def test_drop_out_differs_from_step_to_step() -> None:
    seen = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(D, K)

        def forward(self, X: Any) -> Any:
            seen.append(torch.rand(3).tolist())
            return self.linear(X)

    network = make_network(lambda D, K: Spy())
    seen.clear()
    for _ in range(3):
        network.step(Minibatch(np.ones((4, D), np.float32), np.full((4, K), 1 / K, np.float32), 4), 0.01)
    assert len({tuple(draw) for draw in seen}) == 3


def test_going_back_includes_running_means() -> None:
    network = make_network(noisy)
    X = problem().values
    before = network.predict_proba(X)
    network.keep()
    for _ in range(5):
        network.step(Minibatch(X, np.full((len(X), K), 1 / K, np.float32), len(X)), 0.1)
    assert (network.predict_proba(X) != before).any()
    network.restore()
    np.testing.assert_array_equal(network.predict_proba(X), before)


def test_layers_that_learn_their_size_late() -> None:
    network = make_network(lambda D, K: nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.Linear(8, K)))
    train(network, problem(), settings(), np.random.default_rng(0))
    assert (network.predict_proba(problem().values)[:40].argmax(axis=1) == np.arange(40) % K).mean() > 0.8


def test_double_weights_become_float32_and_frozen_ones_stay() -> None:
    def half_frozen(n_dimensions: int, n_classes: int) -> Any:
        module = nn.Sequential(nn.Linear(n_dimensions, 8), nn.Tanh(), nn.Linear(8, n_classes)).double()
        module[0].requires_grad_(False)
        return module

    network = make_network(half_frozen)
    frozen, free = network.module[0].weight.clone(), network.module[2].weight.clone()
    train(network, problem(), settings(), np.random.default_rng(0))
    assert network.module[2].weight.dtype == torch.float32
    assert torch.equal(network.module[0].weight, frozen)
    assert not torch.equal(network.module[2].weight, free)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch sees")
@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_on_a_gpu(device: str) -> None:
    network = make_network(noisy, device=device)
    assert next(network.module.parameters()).is_cuda
    before = torch.cuda.get_rng_state()
    train(network, problem(), settings(semi_supervised="mixmatch"), np.random.default_rng(0))
    assert torch.equal(torch.cuda.get_rng_state(), before)
    belief = network.predict_proba(problem().values)
    assert isinstance(belief, np.ndarray)
    np.testing.assert_allclose(belief.sum(axis=1), 1, atol=1e-5)
    assert (belief[:40].argmax(axis=1) == np.arange(40) % K).mean() > 0.6  # on a processor 0.70


# What does not fit is said


class Gives(nn.Module):
    """Has a weight, and gives what it was told to give."""

    def __init__(self, given: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.given = given

    def forward(self, X: Any) -> Any:
        return self.given(X)


def fail(X: Any) -> Any:
    raise ValueError("first line\nsecond line")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda D: nn.Linear(D, 3), "failed (TypeError: "),
        (lambda D, K: None, "made a NoneType; it must make a torch.nn.Module."),
        (lambda D, K: nn.Linear(D, K + 1), "into (2, 4); it must give logits of shape (2, 3)."),
        (lambda D, K: nn.Linear(D + 1, K), "failed on features of shape (2, 5) (RuntimeError: "),
        (lambda D, K: Gives(fail), "failed on features of shape (2, 5) (ValueError: first line); correct it."),
        (lambda D, K: Gives(lambda X: (X, X)), "into tuple; it must give logits of shape (2, 3)."),
        (lambda D, K: Gives(lambda X: X[:, :K] * torch.nan), "gives NaN or infinity; it must give finite logits."),
        (lambda D, K: Gives(lambda X: X[:, :K] + torch.inf), "gives NaN or infinity; it must give finite logits."),
        (lambda D, K: nn.Sequential(nn.Linear(D, K)).requires_grad_(False), "has no weights to train"),
    ],
)
def test_what_is_no_network_is_refused_before_anything_is_written(make: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        make_network(make)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError):
        create(tmp_path / "a.db", prototypes=PROTOTYPES, learner=QUICK_LEARNER, plugin=TorchLearner(make))
    assert list(tmp_path.iterdir()) == []


def test_nan_that_comes_while_training_is_refused() -> None:
    class Worsening(nn.Linear):
        n_calls = 0

        def forward(self, X: Any) -> Any:
            self.n_calls += 1
            return super().forward(X) * (torch.nan if self.n_calls > 1 else 1)

    plugin = TorchLearner(Worsening)
    campaign = create(prototypes=PROTOTYPES, learner=QUICK_LEARNER, plugin=plugin)
    with pytest.raises(DataError, match=r"Worsening gave an array of shape \(60, 3\), with NaN in it"):
        campaign.refresh()


def test_no_gpu() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(ConfigError, match=r"learner\.device=cuda, but torch sees no GPU here"):
            TorchLearner(nn.Linear, "cuda")
        assert TorchLearner(nn.Linear, "auto").device.type == "cpu"
        patch.setattr(torch.cuda, "is_available", lambda: True)
        assert TorchLearner(nn.Linear, "auto").device.type == TorchLearner(nn.Linear, "cuda").device.type == "cuda"
        assert TorchLearner(nn.Linear, "cpu").device.type == "cpu"


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("{}/no.py:make", "names no Python file that is there; write FILE.py:FUNCTION, and check the path."),
        ("{}/my.txt:make", "names no Python file that is there"),
        ("{}/my.py", "names no Python file that is there"),
        ("make", "names no Python file that is there"),
        ("{}/my.py:other", "my.py has no function 'other'; name one that makes a torch.nn.Module."),
        ("{}/my.py:number", "my.py has no function 'number'"),
        ("{}/broken.py:make", "broken.py cannot be run (SyntaxError: "),
        ("{}/failing.py:make", "failing.py cannot be run (ZeroDivisionError: division by zero); correct it."),
    ],
)
def test_files_that_make_no_network(named: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text("number = 3\n\ndef make(D, K):\n    return None\n")
    (tmp_path / "my.txt").write_text("")
    (tmp_path / "broken.py").write_text("def make(:\n")
    (tmp_path / "failing.py").write_text("1 / 0\n")
    with pytest.raises(ConfigError) as caught:
        load_learner(named.format(tmp_path), "cpu")
    assert message in str(caught.value)


# In a campaign


def write_network(folder: Path) -> str:
    file = folder / "my_network.py"
    file.write_text(
        "from torch import nn\n\n\ndef build(n_dimensions, n_classes):\n"
        "    return nn.Sequential(nn.Linear(n_dimensions, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, n_classes))\n"
    )
    return f"{file}:build"


def label_some(campaign: Campaign, n_batches: int) -> None:
    for _ in range(n_batches):
        for batch in campaign.ask(["ann", "bob"], 2):
            campaign.tell(batch.id, answers(batch))
        campaign.refresh()


@pytest.mark.parametrize("semi_supervised", ["none", "pseudolabel", "mixmatch"])
def test_killed_and_resumed_equals_uninterrupted(semi_supervised: str, tmp_path: Path) -> None:
    own = QUICK_LEARNER | {
        "algo": "torch",
        "module": write_network(tmp_path),
        "device": "cpu",
        "semi_supervised": semi_supervised,
    }
    whole = create(tmp_path / "whole.db", prototypes=PROTOTYPES, learner=own)
    label_some(whole, 3)
    first = create(tmp_path / "cut.db", prototypes=PROTOTYPES, learner=own)
    label_some(first, 2)
    first.close()
    for file in tmp_path.glob("cut.db.estimate-*"):
        file.unlink()
    again = Campaign.open(tmp_path / "cut.db", FEATURES, clock=whole._journal.clock)
    label_some(again, 1)
    assert_same_estimate(again.estimate, whole.estimate)


def test_a_campaign_knows_its_network_by_name(tmp_path: Path) -> None:
    def tanh(n_dimensions: int, n_classes: int) -> Any:
        return layers([8])(n_dimensions, n_classes)

    path = tmp_path / "a.db"
    own = {"prototypes": PROTOTYPES, "learner": QUICK_LEARNER}
    create(path, plugin=TorchLearner(tanh), **own).close()
    Campaign.open(path, FEATURES, learner=TorchLearner(tanh)).close()
    with pytest.raises(ConfigError, match=r"was made with test_a_campaign.*tanh, not the built-in learner"):
        Campaign.open(path, FEATURES)
    with pytest.raises(ConfigError, match=r"tanh, not Linear; open it with the same"):
        Campaign.open(path, FEATURES, learner=TorchLearner(nn.Linear))


def test_a_file_that_is_gone_is_said_when_a_campaign_is_opened(tmp_path: Path) -> None:
    own = QUICK_LEARNER | {"algo": "torch", "module": write_network(tmp_path)}
    create(tmp_path / "a.db", prototypes=PROTOTYPES, learner=own).close()
    (tmp_path / "my_network.py").rename(tmp_path / "moved.py")
    with pytest.raises(ConfigError, match=r"my_network\.py:build names no Python file that is there"):
        Campaign.open(tmp_path / "a.db", FEATURES)


def test_features_that_the_network_cannot_take_do_not_extend_a_campaign(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    plugin = TorchLearner(lambda D, K: nn.Linear(4, K), name="four")
    create(path, prototypes=PROTOTYPES, learner=QUICK_LEARNER, plugin=plugin).close()
    entries = read_file(path)
    wider = Features(np.ones((len(FEATURES), 7), np.float32))
    with pytest.raises(ConfigError, match=r"The network of four failed on features of shape \(2, 7\)"):
        Campaign.extend(path, DATASET, wider, learner=plugin)
    assert read_file(path) == entries
    Campaign.open(path, FEATURES, learner=plugin).close()
