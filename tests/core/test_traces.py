"""EM number by number against 29 problems that were worked out by the paper's own code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from askless.core import aggregate
from askless.settings import AggregatorSettings
from askless.types import Annotations, Confusion, FloatArray

CLOSE = {"rtol": 0, "atol": 1e-9}


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((shared / "seed_traces" / "em_traces.json").read_text())["cases"]
    assert len(cases) == 29
    return cases


def annotations(case: dict[str, Any]) -> Annotations:
    columns = (np.array(case[name]) for name in ("item", "annotator", "label"))
    return Annotations(*columns, case["n_items"], case["n_annotators"], case["n_classes"])


def run(case: dict[str, Any], n_steps: int) -> tuple[Confusion, FloatArray, aggregate.EMInfo]:
    """The paper's EM, ended after `n_steps` iterations at the latest; the posterior after it."""
    settings = AggregatorSettings(
        m_step="hard",
        criterion=case["stop_criterion"],
        max_em_steps=n_steps,
        likelihood_epsilon=case["likelihood_epsilon"],
    )
    learner = case["learner_probability"]
    machine = None if learner is None else np.array(learner)  # float64, as the traces have it
    confusion, evidence, info = aggregate.fit(
        annotations(case), np.array(case["prior_counts"]), machine, settings, rng=np.random.default_rng(0)
    )
    return confusion, aggregate.e_step(evidence, machine), info


def test_every_e_step(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        for n_steps, step in enumerate(case["em"]):
            _, posterior, info = run(case, n_steps)
            np.testing.assert_allclose(posterior, step["posterior"], err_msg=case["name"], **CLOSE)
            assert len(info.likelihoods) == n_steps


def test_likelihoods_and_the_stop(cases: list[dict[str, Any]]) -> None:
    name = next(name for name in cases[0]["em"][0] if "likelihood" in name)
    for case in cases:
        info = run(case, case["max_em_iterations"])[2]
        np.testing.assert_allclose(info.likelihoods, [step[name] for step in case["em"]], **CLOSE)
        assert info.has_converged == (case["stopped_at_iteration"] is not None)
        assert len(info.likelihoods) == 1 + (case["stopped_at_iteration"] or case["max_em_iterations"] - 1)


def test_counts_posterior_risk_and_skill_at_the_end(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        confusion, posterior, _ = run(case, case["max_em_iterations"])
        counts = np.zeros(np.shape(case["expected_counts"]))
        counts[confusion.annotator, :, confusion.label] = confusion.counts
        np.testing.assert_allclose(counts, case["expected_counts"], err_msg=case["name"], **CLOSE)
        np.testing.assert_allclose(posterior, case["final_posterior"], err_msg=case["name"], **CLOSE)
        np.testing.assert_allclose(1 - posterior.max(axis=1), case["risk"], err_msg=case["name"], **CLOSE)
        skill = confusion.skill(posterior[:5].mean(axis=0))[0]
        np.testing.assert_allclose(skill, case["skill_of_annotator_0_on_first_5_items"], **CLOSE)


def test_majority_vote(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        share = aggregate.majority_vote(annotations(case))
        has_votes = np.bincount(case["item"], minlength=case["n_items"]) > 0
        np.testing.assert_allclose(share[has_votes], np.array(case["majority_vote"])[has_votes], **CLOSE)
        np.testing.assert_allclose(share[~has_votes], 1 / case["n_classes"], **CLOSE)
