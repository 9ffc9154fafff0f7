"""The settings of a campaign and of a simulation, and what each may be."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PriorKind = Literal[
    "predefined_homogeneous",
    "homogeneous",
    "homogeneous_diagonal_perfect",
    "homogeneous_perfect",
    "heterogeneous",
    "heterogeneous_diagonal_perfect",
    "heterogeneous_perfect",
]
CrowdKind = Literal["perfect", "uniform", "structured_noise", "amt_structured_noise", "amt_uniform_noise", "replay"]
GoldPrior = Literal["class", "annotator", "both"]
Head = Literal["gaussian", "logistic", "neighbours"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AggregatorSettings(_Settings):
    """How people's labels become a posterior (the paper's aggregator and optimizer)."""

    algo: Literal["bayes", "pooled", "majority_vote"] = Field(
        "bayes", description="pooled: an annotator is the crowd until they show otherwise"
    )
    m_step: Literal["soft", "hard"] = Field("soft", description="count posteriors, or the most likely class only")
    criterion: Literal["soft", "hard"] = Field("soft", description="stop on the likelihood, or on unchanged labels")
    max_em_steps: int = Field(10, ge=0, description="0: annotators are as the prior says")
    likelihood_epsilon: float = Field(0.001, ge=0)
    class_prior_count: float | None = Field(
        None, gt=0, description="learn how frequent the classes are, with so many items of each seen beforehand"
    )
    has_own_skill: bool = Field(True, description="pooled: each annotator has a skill of their own")
    strength: float | None = Field(
        None,
        gt=0,
        description="pooled: how many labels the crowd's confusion is worth in an annotator's; none: estimated",
    )
    training_power: float = Field(1.0, gt=0, le=1, description="of the machine's belief while annotators are estimated")
    machine_power: float = Field(
        1.0, gt=0, le=1, description="of the machine's belief in the posterior of an item that people have labelled"
    )
    answer_power: float = Field(1.0, gt=0, le=1, description="of the likelihood of people's labels in the posterior")
    disputed_power: float = Field(
        1.0, gt=0, le=1, description="of the whole posterior of an item that people disagree about"
    )


class PriorSettings(_Settings):
    """What is believed of an annotator before the first answer (the paper, 4.1; all but `predefined` are oracles)."""

    kind: PriorKind = Field(
        "predefined_homogeneous", description="predefined: by pos_count and neg_count; others look at the true crowd"
    )
    strength: float = Field(10.0, gt=0, description="factor on the prior's counts")
    pos_count: float = Field(2.0, gt=0, description="predefined: weight of a right answer")
    neg_count: float = Field(1.0, ge=0, description="predefined: weight of all wrong answers together")


class MixMatchSettings(_Settings):
    """How unannotated items take part in training (Berthelot et al. 2019)."""

    mu: int = Field(5, ge=1, description="unannotated items in a minibatch, as a multiple of the annotated ones")
    alpha: float = Field(0.75, gt=0, description="two items are mixed in the proportion Beta(alpha, alpha)")
    weight: float = Field(75.0, ge=0, description="of the unannotated items' loss in the last epoch; grows from 0")


class PoolSettings(_Settings):
    """Several heads on the main axes of the features, weighed by prototypes and crowd."""

    heads: tuple[Head, ...] = Field(("gaussian", "logistic", "neighbours"), min_length=1)
    n_rounds: int = Field(2, ge=1, description="how often people and machine take turns in a refresh")
    max_components: int = Field(128, ge=1, description="reduce the features to so many principal components")
    has_confusion: bool = Field(False, description="correct the pool by its own confusion matrix")


class LearnerSettings(_Settings):
    """The machine on frozen features (the paper's learner)."""

    algo: Literal["dummy", "mlp", "torch", "pool"] = Field(
        "dummy", description="none, the built-in network, one of yours, or a pool of simple heads"
    )
    module: str | None = Field(None, description="torch: FILE.py:FUNCTION, which makes the network")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="torch: where it is trained; auto: cuda if any")
    max_risk: float = Field(0.1, ge=0, le=1, description="pseudo-labels are taken from items below this risk")
    n_hidden_layer: int = Field(1, ge=0, le=1)
    hidden_size: int = Field(64, ge=1)
    minibatch_size: int = Field(1024, ge=1)
    max_epochs: int = Field(300, ge=1, description="one class-balanced minibatch each")
    lr_ratio: float = Field(0.0001, gt=0, description="learning rate / sqrt(minibatch size)")
    weight_decay: float = Field(0.001, ge=0)
    calibrate: str = Field("temperature", description="none, temperature, or cv_N for N folds, each with its own")
    semi_supervised: Literal["none", "pseudolabel", "mixmatch"] = Field(
        "none", description="trains on annotated items, on all below max_risk, or on all with guessed labels"
    )
    mixmatch: MixMatchSettings = MixMatchSettings()
    pool: PoolSettings = PoolSettings()
    early_stop_scope: Literal["local", "global"] = Field(
        "local", description="use the latest learner, or the best so far"
    )
    prototype_as_val: bool = Field(True, description="prototypes validate the learner, and do not train it")

    @field_validator("calibrate")
    @classmethod
    def _known_calibration(cls, value: str) -> str:
        if not re.fullmatch(r"none|temperature|cv_([2-9]|[1-9]\d+)", value):
            raise ValueError("allowed is 'none', 'temperature', or 'cv_N' with N >= 2 folds")
        return value

    @property
    def n_folds(self) -> int:
        """Number of folds, 0 if the learner is not cross-fitted."""
        return int(self.calibrate[3:]) if self.calibrate.startswith("cv_") else 0

    @model_validator(mode="after")
    def _a_module_belongs_to_torch(self) -> Self:
        if self.algo == "torch" and self.module is None:
            raise ValueError("learner.algo=torch needs a network; set learner.module=FILE.py:FUNCTION too")
        if self.algo != "torch" and self.module is not None:
            raise ValueError(f"learner.module={self.module} belongs to learner.algo=torch; set that, or leave it out")
        return self

    @model_validator(mode="after")
    def _folds_need_prototypes_to_train(self) -> Self:
        if self.n_folds and self.prototype_as_val:
            raise ValueError(
                f"learner.calibrate={self.calibrate} validates on its own folds; set learner.prototype_as_val=false too"
            )
        return self


class SamplerSettings(_Settings):
    """Which items for which annotator (the paper's sampler)."""

    algo: Literal["random", "greedy_task_assignment", "value", "entropy", "margin", "active_lab"] = Field(
        "random",
        description="any risky item, to anyone or to who knows it best; or where an answer is worth most, to anyone",
    )
    whom: Literal["random", "thompson"] = Field(
        "random", description="to ask next: anyone, or who may well be good at it, the load shared out"
    )
    max_per_item: int = Field(3, ge=1)
    max_per_annotator: int | None = Field(None, ge=1)
    fill_batches: bool = Field(
        False, description="when few risky items are left, lower the threshold by 0.01 until a batch is full"
    )


class AnnotatorSettings(_Settings):
    """How people are tested with gold, if the campaign has any, and what they cost."""

    gold_rate: float = Field(0.05, ge=0, lt=1, description="share of questions whose answer is known (gold)")
    n_qualification: int = Field(0, ge=0, description="gold items that come first; 0: none")
    qualification_share: float = Field(
        0.7, ge=0, le=1, description="share of them that must be right; who has fewer is asked nothing more"
    )
    prices: Mapping[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="what an answer of some people costs, by name, where one of anybody else costs 1"
    )

    def price_of(self, name: str) -> float:
        """What an answer costs, as a multiple of the usual price."""
        return self.prices.get(name, 1.0)


class PromiseSettings(_Settings):
    """How right all labels together shall be, and who finds out (docs/explanation/promise.md)."""

    target_accuracy: float | None = Field(
        None, gt=0, lt=1, description="go on until this share of all labels is right; none: until each is finished"
    )
    confidence: float = Field(0.95, ge=0.5, lt=1, description="the promise is kept with this chance at least")
    auditors: tuple[str, ...] = Field(
        ("auditor",), min_length=1, description="trusted people; they are asked about items of the audit only"
    )
    auditor_accuracy: float = Field(1.0, gt=0.5, le=1, description="an auditor is right with this chance at least")
    max_audit_share: float = Field(0.5, gt=0, le=1, description="share of the items that auditors may be asked about")

    @property
    def trusted(self) -> tuple[str, ...]:
        """The auditors, nobody without a promise: only with one are they asked otherwise than others."""
        return self.auditors if self.target_accuracy is not None else ()


class CampaignConfig(_Settings):
    """All that a campaign needs to know beside its data."""

    max_risk: float = Field(0.1, ge=0, le=1, description="an item below this risk is finished")
    batch_size: int = Field(20, ge=1, description="items handed out together")
    n_batches: int = Field(5, ge=1, description="batches handed out between two refreshes")
    budget: int | None = Field(None, ge=1, description="most annotations in all")
    early_stop: bool = Field(False, description="the paper's rule: stop when finished items no longer grow")
    lease_seconds: float = Field(600.0, gt=0, description="how long a batch is promised to one annotator")
    aggregator: AggregatorSettings = AggregatorSettings()
    prior: PriorSettings = PriorSettings()
    learner: LearnerSettings = LearnerSettings()
    sampler: SamplerSettings = SamplerSettings()
    annotators: AnnotatorSettings = AnnotatorSettings()
    promise: PromiseSettings = PromiseSettings()

    @model_validator(mode="after")
    def _majority_vote_has_no_machine(self) -> Self:
        if self.aggregator.algo == "majority_vote" and self.learner.algo != "dummy":
            raise ValueError("aggregator.algo=majority_vote has no place for a learner; set learner.algo=dummy")
        return self


class CrowdSettings(_Settings):
    """Simulated annotators."""

    kind: CrowdKind = "structured_noise"
    n_annotators: int = Field(50, ge=1)
    skill: float = Field(
        0.7,
        ge=0,
        le=1,
        description="mean share of right answers, for uniform and structured_noise; for replay of counts, mean share "
        "of items that a person looks at (simulation=replay: 1)",
    )
    spread: float = Field(0.1, ge=0, lt=0.5, description="standard deviation of skill (simulation=replay: 0)")
    amt_folder: str | None = Field(
        None, description="folder of group_workers.json and groups.txt, for amt_*; unset: of `askless data get amt`"
    )
    recorded: str | None = Field(
        None,
        description="labels of real people, for replay: a table of item, label and perhaps annotator (.csv, .parquet), "
        "or how many people chose each class for each item (.npy)",
    )

    @model_validator(mode="after")
    def _replay_needs_records(self) -> Self:
        if (self.kind == "replay") != (self.recorded is not None):
            if self.recorded is None:
                raise ValueError("crowd.kind=replay replays labels of real people; name their file by crowd.recorded")
            raise ValueError(
                f"crowd.recorded={self.recorded} belongs to simulation=replay; set it, or leave crowd.recorded out"
            )
        return self


class GoldSettings(_Settings):
    """Known items that every simulated annotator answers before the campaign; their answers cost what others do."""

    n_per_class: int = Field(0, ge=0, description="items of each class, drawn from the prototypes; 0: no gold")
    prior: GoldPrior = Field(
        "both",
        description="what they tell of an annotator: the accuracy of each class over all people (the paper's A), of "
        "each person over all classes (B), or of each person on each class",
    )


class SimulationConfig(CampaignConfig):
    """A campaign, its data and its crowd: all that `askless simulate` needs."""

    experiment: str | None = Field(None, description="classes and numbers of the paper; needs `features`")
    learner_method: str = "efficient_annotation"
    simulation: str = "structured_noise"
    hyperparams: Literal["default", "tuned"] = Field(
        "default", description="tuned: the learner's settings that the paper's authors found best for the experiment"
    )
    dataset: str = Field("digits", description="'digits', or a folder of features.npy and labels.npy")
    features: str | None = Field(
        None, description="instead of `dataset`: 'synthetic', or a .npy file with a row for each path in `images`"
    )
    images: str | None = Field(
        None, description="text file of an image path per row of `features`; the first folder of a path is the class"
    )
    classes: tuple[str, ...] | None = Field(None, description="use these only; an experiment names its own")
    n_distractors_per_class: int = Field(
        0, ge=0, description="so many items of other classes, for each class chosen; they are the last class, 'other'"
    )
    n_dimensions: int = Field(256, ge=1, le=2048, description="of synthetic features")
    seed: int = Field(123, ge=0)
    n_prototypes_per_class: int = Field(10, ge=0)
    n_data_per_class: int | None = Field(None, ge=1, description="use so many items of each class, not all")
    n_components: int | None = Field(None, ge=1, description="reduce the features to so many principal components")
    whiten: bool = Field(False, description="scale each of them to variance 1; needs n_components")
    crowd: CrowdSettings = CrowdSettings()
    gold: GoldSettings = GoldSettings()

    @field_validator("classes")
    @classmethod
    def _classes_to_choose_from(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not 2 <= len(value) == len(set(value)):
            raise ValueError(f"classes={list(value)} does not fit: give two classes or more, each once")
        return value

    @model_validator(mode="after")
    def _one_source_of_items(self) -> Self:
        if self.features is None and self.experiment is not None:
            raise ValueError(
                f"experiment={self.experiment} names classes only; set features=synthetic, "
                "or features=FILE.npy images=FILE.txt for your own"
            )
        if self.features is None and self.images is not None:
            raise ValueError("images belongs to features; set features too, or leave it out")
        if self.features is not None and self.dataset != type(self).model_fields["dataset"].default:
            raise ValueError(
                f"dataset={self.dataset} and features={self.features} exclude each other; give one of them"
            )
        if self.features == "synthetic":
            if self.images is not None:
                raise ValueError("features=synthetic has no images; leave images out, or name a .npy file")
            if self.classes is None or self.n_data_per_class is None:
                raise ValueError("features=synthetic needs classes and n_data_per_class; choose an experiment")
            if self.crowd.recorded is not None:
                raise ValueError(
                    "features=synthetic are of no real items, so nothing is on record; choose real features"
                )
        elif self.features is not None and self.images is None:
            raise ValueError(f"features={self.features} needs the image path of each row; set images=FILE.txt")
        return self

    @model_validator(mode="after")
    def _components_are_whitened(self) -> Self:
        if self.whiten and self.n_components is None:
            raise ValueError("whiten=true scales principal components; set n_components, or leave whiten out")
        return self

    @model_validator(mode="after")
    def _distractors_are_of_other_classes(self) -> Self:
        if self.n_distractors_per_class and self.classes is None:
            raise ValueError(
                f"n_distractors_per_class={self.n_distractors_per_class} takes items of classes that are not chosen; "
                "set classes, or choose an experiment"
            )
        return self

    @model_validator(mode="after")
    def _gold_sets_the_prior(self) -> Self:
        if self.gold.n_per_class > self.n_prototypes_per_class:
            raise ValueError(
                f"gold.n_per_class={self.gold.n_per_class} are drawn from n_prototypes_per_class="
                f"{self.n_prototypes_per_class} items; set it to that at most"
            )
        if self.gold.n_per_class and self.prior.kind != "predefined_homogeneous":
            raise ValueError(
                f"gold and prior.kind={self.prior.kind} both say what is believed of annotators; set "
                "prior.kind=predefined_homogeneous, or gold.n_per_class=0"
            )
        if self.gold.n_per_class and self.aggregator.algo == "pooled":
            raise ValueError(
                "gold sets the prior of each annotator, which aggregator.algo=pooled does not look at; set "
                "gold.n_per_class=0 (known items serve it as prototypes), or aggregator.algo=bayes"
            )
        return self

    @property
    def data_name(self) -> str:
        """What the items are called in summaries and folder names."""
        if self.features is None:
            return Path(self.dataset).name
        return "-".join(part for part in (self.experiment, Path(self.features).stem) if part)

    @property
    def campaign(self) -> CampaignConfig:
        return CampaignConfig(**{name: getattr(self, name) for name in CampaignConfig.model_fields})

    def with_absolute_paths(self) -> Self:
        """The same data, also for a process that is elsewhere."""
        places = {"dataset": self.dataset, "features": self.features, "images": self.images}
        made_up = ("digits", "synthetic")
        found = {key: os.path.abspath(path) for key, path in places.items() if path and path not in made_up}
        if self.crowd.recorded is None:
            return self.model_copy(update=found)
        crowd = self.crowd.model_copy(update={"recorded": os.path.abspath(self.crowd.recorded)})
        return self.model_copy(update=found | {"crowd": crowd})

    def to_settings(self) -> dict[str, Any]:
        """All settings as a TOML file holds them: groups are tables, what is none is left out."""
        return self.model_dump(exclude_none=True)
