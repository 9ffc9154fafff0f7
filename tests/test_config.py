"""Settings: where they come from, the paper's names for them, what is said about a wrong one."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import reduce
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from askless.config import compose, config_from_settings, describe_settings, preset, preset_names
from askless.errors import ConfigError
from askless.paper_names import PAPER_KEYS, PAPER_VALUES
from askless.settings import CampaignConfig, LearnerSettings, SimulationConfig


def fields(model: type[BaseModel] = SimulationConfig, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


RECORDED = {"replay": ["crowd.recorded=labels.csv"]}
"""What a simulation needs beside its name."""
FIELDS = dict(fields())
KEYS = [key for key, *_ in describe_settings()]
TOP = (
    "max_risk, batch_size, n_batches, budget, early_stop, lease_seconds, aggregator.*, prior.*, learner.*, sampler.*, "
    "annotators.*, promise.*, "
    "experiment, learner_method, simulation, hyperparams, dataset, features, images, classes, n_distractors_per_class, "
    "n_dimensions, seed, n_prototypes_per_class, n_data_per_class, n_components, whiten, crowd.*, gold.*"
)


def beside(group: str) -> str:
    return ", ".join(key for key in KEYS if key.startswith(f"{group}."))


def look_up(config: SimulationConfig, key: str) -> Any:
    return reduce(getattr, key.split("."), config)


def complaint(*overrides: str, file: Path | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        compose(overrides, file)
    return str(caught.value)


# Presets and composition


def test_preset_names() -> None:
    assert preset_names("learner_method") == [
        "askless",
        "ds_model",
        "efficient_annotation",
        "improved_lean",
        "lean",
        "majority_vote",
    ]
    assert preset_names("simulation") == [
        "amt_structured_noise",
        "amt_uniform_noise",
        "perfect",
        "replay",
        "structured_noise",
        "uniform",
    ]


@pytest.mark.parametrize(
    ("name", "algo", "criterion", "learner", "calibrate", "semi_supervised", "scope", "as_val", "max_risk"),
    [
        ("ds_model", "bayes", "soft", "dummy", "temperature", "none", "local", True, 0.1),
        ("lean", "bayes", "hard", "mlp", "cv_3", "none", "local", False, 0.1),
        ("improved_lean", "bayes", "soft", "mlp", "temperature", "none", "global", True, 0.1),
        ("efficient_annotation", "bayes", "soft", "mlp", "temperature", "pseudolabel", "global", True, 0.1),
        ("majority_vote", "majority_vote", "soft", "dummy", "temperature", "none", "local", True, 0.0),
    ],
)
def test_learner_methods_are_the_papers(
    name: str,
    algo: str,
    criterion: str,
    learner: str,
    calibrate: str,
    semi_supervised: str,
    scope: str,
    as_val: bool,
    max_risk: float,
) -> None:
    config = preset(name)
    assert (config.aggregator.algo, config.aggregator.criterion) == (algo, criterion)
    if algo == "bayes":
        assert config.aggregator.m_step == "hard"
    assert config.learner == LearnerSettings(
        algo=learner,
        calibrate=calibrate,
        semi_supervised=semi_supervised,
        early_stop_scope=scope,
        prototype_as_val=as_val,
    )
    assert config.max_risk == max_risk
    assert compose([f"learner_method={name}"]).campaign == config


@pytest.mark.parametrize("name", preset_names("simulation"))
def test_simulations_are_named_after_their_crowd(name: str) -> None:
    config = compose([f"simulation={name}", *RECORDED.get(name, [])])
    assert config.crowd.kind == config.simulation == name
    assert config.prior.kind == ("homogeneous" if name.startswith("amt_") else "predefined_homogeneous")


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    assert compose() == SimulationConfig(**preset("efficient_annotation").model_dump())
    assert compose().learner.calibrate == "temperature"

    file.write_text('simulation = "amt_uniform_noise"\nseed = 7\n[learner]\nmax_epochs = 11\n[prior]\nstrength = 4\n')
    config = compose((), file)
    assert (config.seed, config.learner.max_epochs, config.prior.strength) == (7, 11, 4)
    assert (config.prior.kind, config.learner.algo) == ("homogeneous", "mlp")

    config = compose(["prior.kind=heterogeneous", "seed=8", "learner_method=lean", "seed=9"], file)
    assert (config.seed, config.learner.max_epochs, config.prior.strength) == (9, 11, 4)
    assert (config.prior.kind, config.learner.calibrate) == ("heterogeneous", "cv_3")

    file.write_text('learner_method = "ds_model"\n[crowd]\nkind = "uniform"')
    assert compose((), file).learner.algo == "dummy"
    assert compose((), file).crowd.kind == "uniform"
    assert compose(["simulation=perfect"], file).crowd.kind == "uniform"
    assert compose(["learner_method=lean"], file).learner.algo == "mlp"


def test_a_group_given_at_once_keeps_the_rest_of_it() -> None:
    assert compose(["learner={max_epochs=7}"]) == compose(["learner.max_epochs=7"])
    assert compose(["online={hit_size=7}", "worker={prior={strength=3}}"]) == compose(
        ["batch_size=7", "prior.strength=3"]
    )


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("early_stop=true", "early_stop", True),
        ("early_stop=True", "early_stop", True),
        ("learner.prototype_as_val=False", "learner.prototype_as_val", False),
        ("max_risk=1e-3", "max_risk", 0.001),
        ("max_risk=0", "max_risk", 0.0),
        ("dataset=my/own folder", "dataset", "my/own folder"),
        ("dataset='digits'", "dataset", "digits"),
        ("dataset=a=b", "dataset", "a=b"),
        ("budget=none", "budget", None),
        ("budget=null", "budget", None),
        ("sampler.max_annotation_per_worker=None", "sampler.max_per_annotator", None),
        ("learner.semi_supervised=none", "learner.semi_supervised", "none"),
        ("annotators.prices={eve = 0.5, 'bob@x.org' = 2.0}", "annotators.prices", {"eve": 0.5, "bob@x.org": 2.0}),
        ("annotators.prices.eve=0.5", "annotators.prices", {"eve": 0.5}),
    ],
)
def test_values_of_overrides(override: str, key: str, value: Any) -> None:
    config = compose(["budget=5", "sampler.max_per_annotator=5", override])
    assert look_up(config, key) == value
    assert type(look_up(config, key)) is type(value)


# The paper's names


def valid(key: str) -> str:
    """A value for this key that is not its default."""
    field = FIELDS[key]
    if get_origin(field.annotation) is Literal:
        return str(next(value for value in get_args(field.annotation) if value != field.default))
    return "7" if int in (field.annotation, *get_args(field.annotation)) else "0.25"


@pytest.mark.parametrize(("paper", "own"), PAPER_KEYS.items())
def test_the_papers_keys(paper: str, own: str, tmp_path: Path) -> None:
    value, beside = valid(own), ["classes=['1', '2']"] if own == "n_distractors_per_class" else []
    config = compose([f"{paper}={value}", *beside])
    assert config == compose([f"{own}={value}", *beside])
    assert str(look_up(config, own)).removesuffix(".0") == value
    assert look_up(config, own) != look_up(compose(), own)
    file = tmp_path / "paper.toml"
    file.write_text(f"{paper} = {value!r}")
    assert compose(beside, file) == config


@pytest.mark.parametrize(
    ("paper", "own"),
    [
        ("risk_thres", "max_risk"),
        ("learner.risk_thres", "learner.max_risk"),
        ("online.hit_size", "batch_size"),
        ("learner.batch_size", "learner.minibatch_size"),
        ("online.n_hits_per_step", "n_batches"),
        ("sampler.max_annotation_per_example", "sampler.max_per_item"),
        ("sampler.max_annotation_per_worker", "sampler.max_per_annotator"),
        ("worker.reliability.mean", "crowd.skill"),
        ("worker.reliability.std", "crowd.spread"),
        ("worker.prior.predefined_params.pos_count", "prior.pos_count"),
        ("worker.prior.predefined_params.neg_count", "prior.neg_count"),
    ],
)
def test_the_papers_keys_that_could_be_mixed_up(paper: str, own: str) -> None:
    assert PAPER_KEYS[paper] == own


@pytest.mark.parametrize(("key", "paper"), PAPER_VALUES)
def test_the_papers_values(key: str, paper: str) -> None:
    own = PAPER_VALUES[key, paper]
    names = [key, *(theirs for theirs, ours in PAPER_KEYS.items() if ours == key)]
    key = PAPER_KEYS.get(key, key)
    for name in names:
        config = compose(["learner_method=ds_model", f"{name}={paper}"])
        assert look_up(config, key) == own
        assert own in get_args(FIELDS[key].annotation)


# What is wrong is said


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "learner.max_epoch=3",
            "There is no setting 'learner.max_epoch'; did you mean 'learner.max_epochs'? "
            f"Allowed: {beside('learner')}.",
        ),
        ("qqq=3", f"There is no setting 'qqq'; allowed: {TOP}."),
        (
            "prior.strenght=3",
            f"There is no setting 'prior.strenght'; did you mean 'prior.strength'? Allowed: {beside('prior')}.",
        ),
        ("learner.algo=mpl", "learner.algo='mpl' is not known; did you mean 'mlp'? Allowed: dummy, mlp, torch, pool."),
        ("learner.algo=3", "learner.algo=3 is not known; allowed: dummy, mlp, torch, pool."),
        (
            "learner_method=leen",
            "There is no learner_method 'leen'; did you mean 'lean'? Allowed: askless, ds_model, efficient_annotation, "
            "improved_lean, lean, majority_vote.",
        ),
        (
            "simulation=3",
            "There is no simulation '3'; allowed: amt_structured_noise, amt_uniform_noise, perfect, replay, "
            "structured_noise, uniform.",
        ),
        ("max_risk=2", "max_risk=2 does not fit: allowed is greater than or equal to 0 and less than or equal to 1."),
        ("max_risk=nan", "max_risk=nan does not fit: allowed is a finite number."),
        ("prior.strength=inf", "prior.strength=inf does not fit: allowed is a finite number."),
        ("prior.strength=0", "prior.strength=0 does not fit: allowed is greater than 0."),
        ("crowd.spread=0.5", "crowd.spread=0.5 does not fit: allowed is greater than or equal to 0 and less than 0.5."),
        ("budget=0", "budget=0 does not fit: allowed is greater than or equal to 1."),
        (
            "batch_size=2.5",
            "batch_size=2.5 does not fit: allowed is a whole number.",
        ),
        ("seed=none", "seed='none' does not fit: allowed is a whole number."),
        ("seed=[1]", "seed=[1] does not fit: allowed is a whole number."),
        (
            "learner.calibrate=5",
            "learner.calibrate='5' is not known; allowed is 'none', 'temperature', or 'cv_N' with N >= 2 folds.",
        ),
        *(
            (
                f"learner.calibrate={value}",
                f"learner.calibrate={value!r} is not known; "
                "allowed is 'none', 'temperature', or 'cv_N' with N >= 2 folds.",
            )
            for value in ("cv_1", "cv_0", "cv_", "cv_03", "platt")
        ),
        ("crowd=3", f"crowd=3 is a group of settings; did you mean 'crowd.kind'? Allowed: {beside('crowd')}."),
        ("prior=3", f"prior=3 is a group of settings; did you mean 'prior.kind'? Allowed: {beside('prior')}."),
        ("seed", "'seed' is no setting; write it as key=value, for example seed=3."),
        ("=3", "'=3' is no setting; write it as key=value, for example seed=3."),
        (
            "learner.calibrate=cv_3",
            "learner.calibrate=cv_3 validates on its own folds; set learner.prototype_as_val=false too.",
        ),
        (
            "learner.algo=torch",
            "learner.algo=torch needs a network; set learner.module=FILE.py:FUNCTION too.",
        ),
        (
            "learner.module=a.py:make",
            "learner.module=a.py:make belongs to learner.algo=torch; set that, or leave it out.",
        ),
        (
            "learner.mixmatch=3",
            "learner.mixmatch=3 is a group of settings; did you mean 'learner.mixmatch.mu'? "
            f"Allowed: {beside('learner')}.",
        ),
        ("learner.mixmatch.mu=0", "learner.mixmatch.mu=0 does not fit: allowed is greater than or equal to 1."),
        (
            "hyperparams=tuned",
            "The paper tuned nothing for experiment=none; set hyperparams=default, or choose one of imagenet_split_0, "
            "imagenet_split_2, imagenet_split_4, imagenet_animal, imagenet_100_classes.",
        ),
        ("annotators.prices={eve=0}", "annotators.prices.eve=0 does not fit: allowed is greater than 0."),
        ("annotators.prices=3", "annotators.prices=3 does not fit: allowed is a table, such as {eve = 0.5}."),
        ("whiten=true", "whiten=true scales principal components; set n_components, or leave whiten out."),
        ("hyperparams=best", "hyperparams='best' is not known; allowed: default, tuned."),
        (
            "aggregator.algo=mj",
            "aggregator.algo=majority_vote has no place for a learner; set learner.algo=dummy.",
        ),
    ],
)
def test_one_wrong_override(override: str, message: str) -> None:
    assert complaint(override) == message


# The paper's tuned settings


def tuned(experiment: str, *overrides: str) -> LearnerSettings:
    return compose([f"experiment={experiment}", "features=synthetic", "hyperparams=tuned", *overrides]).learner


@pytest.mark.parametrize(
    ("experiment", "semi_supervised", "lr_ratio", "weight_decay", "mu", "weight"),
    [
        ("imagenet_split_0", "none", 0.0001, 0.005, 5, 75),
        ("imagenet_split_0", "pseudolabel", 0.0005, 0.005, 5, 75),
        ("imagenet_split_0", "mixmatch", 0.0001, 0.005, 3, 50),
        ("imagenet_split_2", "none", 0.001, 0.001, 5, 75),
        ("imagenet_split_2", "pseudolabel", 0.0005, 0.0005, 5, 75),
        ("imagenet_split_2", "mixmatch", 0.001, 0.0005, 5, 100),
        ("imagenet_split_4", "none", 0.001, 0.001, 5, 75),
        ("imagenet_split_4", "pseudolabel", 0.0001, 0.0005, 5, 75),
        ("imagenet_split_4", "mixmatch", 0.0005, 0.005, 3, 150),
        ("imagenet_animal", "none", 0.0001, 0.005, 5, 75),
        ("imagenet_animal", "pseudolabel", 0.00005, 0.005, 5, 75),
        ("imagenet_animal", "mixmatch", 0.001, 0.0005, 5, 75),
        ("imagenet_100_classes", "none", 0.0005, 0.0001, 5, 75),
        ("imagenet_100_classes", "pseudolabel", 0.0005, 0.0001, 5, 75),
        ("imagenet_100_classes", "mixmatch", 0.0005, 0.0001, 10, 50),
    ],
)
def test_tuned_settings_are_the_papers(
    experiment: str, semi_supervised: str, lr_ratio: float, weight_decay: float, mu: int, weight: float
) -> None:
    chosen = tuned(experiment, f"learner.semi_supervised={semi_supervised}")
    assert (chosen.lr_ratio, chosen.weight_decay) == (lr_ratio, weight_decay)
    assert (chosen.mixmatch.mu, chosen.mixmatch.alpha, chosen.mixmatch.weight) == (mu, 0.75, weight)
    plain = compose([f"experiment={experiment}", "features=synthetic", f"learner.semi_supervised={semi_supervised}"])
    assert plain.learner == LearnerSettings(
        **preset("efficient_annotation").learner.model_dump() | {"semi_supervised": semi_supervised}
    )
    assert chosen.model_dump(exclude={"lr_ratio", "weight_decay", "mixmatch"}) == plain.learner.model_dump(
        exclude={"lr_ratio", "weight_decay", "mixmatch"}
    )


def test_tuned_settings_follow_the_method_and_give_way_to_overrides(tmp_path: Path) -> None:
    assert tuned("imagenet_split_4").lr_ratio == 0.0001
    assert tuned("imagenet_split_4", "learner_method=improved_lean").lr_ratio == 0.001
    assert tuned("imagenet_split_4", "learner.lr_ratio=0.02").lr_ratio == 0.02
    assert tuned("imagenet_split_4", "learner.lr_ratio=0.02").weight_decay == 0.0005
    assert tuned("imagenet_split_4", "learner_method=ds_model").algo == "dummy"
    file = tmp_path / "my.toml"
    file.write_text('hyperparams = "tuned"\nfeatures = "synthetic"\n[learner]\nweight_decay = 0.5\n')
    config = compose(["experiment=imagenet_split_2"], file)
    assert (config.learner.lr_ratio, config.learner.weight_decay) == (0.0005, 0.5)
    assert config_from_settings(config.to_settings()) == config


@pytest.mark.parametrize("experiment", ["imagenet_split_1", "imagenet_split_3", "imagenet_split_5"])
def test_experiments_without_tuned_settings(experiment: str) -> None:
    assert complaint(f"experiment={experiment}", "features=synthetic", "hyperparams=tuned").startswith(
        f"The paper tuned nothing for experiment={experiment}; set hyperparams=default, or choose one of "
    )


def test_every_wrong_override_is_named() -> None:
    assert complaint("max_risk=-1", "batch_size=0") == (
        "max_risk=-1 does not fit: allowed is greater than or equal to 0 and less than or equal to 1. "
        "batch_size=0 does not fit: allowed is greater than or equal to 1."
    )


def test_a_group_and_a_value_of_the_same_name() -> None:
    assert complaint("prior=3", "prior.kind=homogeneous") == (
        "prior=3 leaves no room for prior.kind; give only one of them."
    )
    assert complaint("seed=3", "seed.x=1") == "seed=3 leaves no room for seed.x; give only one of them."
    assert complaint("seed.x=1") == "seed={'x': 1} does not fit: allowed is a whole number."


def test_no_such_preset() -> None:
    with pytest.raises(ConfigError, match="There is no learner_method 'ds_mode'; did you mean 'ds_model'"):
        preset("ds_mode")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert complaint(file=missing) == (
        f"The configuration file {missing} cannot be read (No such file or directory); check its path."
    )
    assert "cannot be read (Is a directory)" in complaint(file=tmp_path)
    for content in (b"seed = = 3", b"\xff\xfe"):
        broken = tmp_path / "broken.toml"
        broken.write_bytes(content)
        assert complaint(file=broken).startswith(f"The configuration file {broken} is not valid TOML: ")


def test_wrong_settings_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[optimizer]\nmax_em_step = 3\n")
    assert complaint(file=file).startswith("There is no setting 'optimizer'; ")
    file.write_text("[aggregator]\nmax_em_steps = 'many'\n")
    assert complaint(file=file).startswith("aggregator.max_em_steps='many' does not fit: allowed is a whole number.")


def test_settings_cannot_be_changed_or_made_up() -> None:
    config = CampaignConfig()
    with pytest.raises(ValueError, match="frozen"):
        config.max_risk = 0.2  # type: ignore[misc]
    with pytest.raises(ValueError, match="Extra inputs"):
        CampaignConfig(risk=0.2)  # type: ignore[call-arg]


# To text and back


def any_value(field: Any) -> st.SearchStrategy[Any]:
    if get_origin(field.annotation) is Literal:
        return st.sampled_from(get_args(field.annotation))
    if field.annotation == tuple[str, ...]:
        return st.lists(st.text("abc", max_size=2), min_size=1, max_size=3)
    if get_origin(field.annotation) is tuple:
        return st.lists(st.sampled_from(get_args(get_args(field.annotation)[0])), min_size=1, unique=True)
    if get_origin(field.annotation) is Mapping:
        return st.dictionaries(st.text("ab.", min_size=1, max_size=3), st.floats(0.1, 9.0), max_size=2)
    names = ("ge", "gt", "le", "lt")
    bounds = {name: getattr(rule, name) for rule in field.metadata for name in names if hasattr(rule, name)}
    if tuple[str, ...] in get_args(field.annotation):
        return st.lists(st.text("abc", max_size=2), min_size=2, max_size=5, unique=True)
    kind = next(kind for kind in (field.annotation, *get_args(field.annotation)) if kind in (bool, int, float, str))
    if kind is bool:
        return st.booleans()
    if kind is int:
        return st.integers(bounds["ge"], bounds.get("le", 10**6))
    if kind is float:
        return st.floats(
            bounds.get("ge", bounds.get("gt")),
            bounds.get("le", bounds.get("lt")),
            exclude_min="gt" in bounds,
            exclude_max="lt" in bounds,
            allow_infinity=False,
        )
    return st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@st.composite
def configs(draw: st.DrawFn) -> SimulationConfig:
    tree: dict[str, Any] = {}
    for key in draw(st.sets(st.sampled_from(list(FIELDS)), max_size=12)):
        *groups, name = key.split(".")
        branch = reduce(lambda inner, group: inner.setdefault(group, {}), groups, tree)
        branch[name] = draw(any_value(FIELDS[key]))
    learner = tree.setdefault("learner", {})
    if "calibrate" in learner:
        learner["calibrate"] = draw(st.sampled_from(["none", "temperature", "cv_2", "cv_10"]))
        learner["prototype_as_val"] = not learner["calibrate"].startswith("cv_")
    if "features" in tree:
        tree = {key: value for key, value in tree.items() if key != "dataset"} | {"images": draw(st.text(max_size=3))}
    else:
        tree = {key: value for key, value in tree.items() if key not in ("experiment", "images")}
    if "classes" not in tree:
        tree.pop("n_distractors_per_class", None)
    if tree.get("whiten"):
        tree["n_components"] = tree.get("n_components") or 5
    if "crowd" in tree:
        tree["crowd"] |= {"kind": "replay"} if "recorded" in tree["crowd"] else {"kind": "uniform"}
    if "gold" in tree:
        tree |= {"n_prototypes_per_class": tree["gold"].get("n_per_class", 0)}
        tree.get("prior", {}).pop("kind", None)
        tree.get("aggregator", {}).pop("algo", None)
    if tree.get("aggregator", {}).get("algo") == "majority_vote":
        learner["algo"] = "dummy"
    if learner.get("algo") == "torch":
        learner["module"] = draw(st.text("ab.:", min_size=1))
    else:
        learner.pop("module", None)
    return SimulationConfig.model_validate(tree)


@given(config=configs())
def test_to_settings_and_back(config: SimulationConfig) -> None:
    assert config_from_settings(tomllib.loads(tomli_w.dumps(config.to_settings()))) == config


def test_presets_to_settings_and_back() -> None:
    for method in preset_names("learner_method"):
        for simulation in preset_names("simulation"):
            config = compose([f"learner_method={method}", f"simulation={simulation}", *RECORDED.get(simulation, [])])
            assert config_from_settings(tomllib.loads(tomli_w.dumps(config.to_settings()))) == config


def test_the_campaigns_part_of_a_simulation() -> None:
    config = compose(["learner_method=lean", "max_risk=0.2", "learner.max_epochs=9"])
    assert type(config.campaign) is CampaignConfig
    for name in CampaignConfig.model_fields:
        assert getattr(config.campaign, name) == getattr(config, name)


@pytest.mark.parametrize(
    ("calibrate", "n_folds"), [("none", 0), ("temperature", 0), ("cv_2", 2), ("cv_3", 3), ("cv_10", 10)]
)
def test_number_of_folds(calibrate: str, n_folds: int) -> None:
    assert LearnerSettings(calibrate=calibrate, prototype_as_val=False).n_folds == n_folds


# The table of settings


def test_every_setting_is_described_and_its_default_is_accepted() -> None:
    rows = {key: row for key, *row in describe_settings()}
    assert list(rows) == list(FIELDS)
    plain = compose()
    for key, (default, _, _) in rows.items():
        assert look_up(compose([f"{key}={default}"]), key) == look_up(plain, key)
    assert plain.learner.algo == "mlp"


@pytest.mark.parametrize(
    ("key", "default", "allowed"),
    [
        ("max_risk", "0.1", ">= 0 and <= 1"),
        ("budget", "none", ">= 1"),
        ("early_stop", "false", "true, false"),
        ("learner.prototype_as_val", "true", "true, false"),
        ("learner.algo", "mlp", "dummy, mlp, torch, pool"),
        ("learner.mixmatch.mu", "5", ">= 1"),
        ("learner.mixmatch.alpha", "0.75", "> 0"),
        ("learner.mixmatch.weight", "75.0", ">= 0"),
        ("hyperparams", "default", "default, tuned"),
        ("crowd.spread", "0.1", ">= 0 and < 0.5"),
        ("prior.strength", "10.0", "> 0"),
        ("dataset", "digits", ""),
        ("experiment", "none", ", ".join(preset_names("experiment"))),
        ("n_dimensions", "256", ">= 1 and <= 2048"),
        ("learner_method", "efficient_annotation", ", ".join(preset_names("learner_method"))),
    ],
)
def test_rows_of_the_table(key: str, default: str, allowed: str) -> None:
    rows = {key: row for key, *row in describe_settings()}
    assert rows[key][:2] == [default, allowed]


def test_gold_and_pooled_people_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"aggregator\.algo=pooled does not look at; set gold\.n_per_class=0"):
        compose(["learner_method=askless", "gold.n_per_class=1"])


def test_the_method_askless() -> None:
    chosen = preset("askless")
    assert (chosen.aggregator.algo, chosen.learner.algo, chosen.sampler.algo) == ("pooled", "pool", "value")
    only = compose(["learner_method=askless", "learner.pool.heads=['gaussian']", "sampler.algo=entropy"])
    assert only.learner.pool.heads == ("gaussian",)
    with pytest.raises(ConfigError, match=r"learner\.pool\.heads"):
        compose(["learner.pool.heads=[]"])
