"""Blocks side by side: every row once, errors come through, and results that do not know how many cores there were."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController

from askless.core import aggregate
from askless.core.blocks import MIN_TASKS, NUMBERS_PER_BLOCK, blocks, for_each
from askless.core.normalise import normalise
from askless.core.tanh_network import TanhNetwork
from askless.cores import side_by_side
from askless.metrics import rank_of_truth
from askless.settings import AggregatorSettings, LearnerSettings
from askless.types import Annotations, FloatArray

BLAS = ThreadpoolController().select(user_api="blas")


@pytest.mark.parametrize(("n_rows", "n_columns"), [(0, 3), (1, 1), (5000, 10), (5000, 1000), (300_000, 2), (7, 10**6)])
def test_blocks_hold_every_row_once_and_are_small(n_rows: int, n_columns: int) -> None:
    rows = blocks(n_rows, n_columns)
    assert [i for block in rows for i in range(n_rows)[block]] == list(range(n_rows))
    assert all(len(range(n_rows)[block]) <= max(256, NUMBERS_PER_BLOCK // n_columns) for block in rows)


@pytest.mark.parametrize("n_tasks", [0, 1, MIN_TASKS - 1, MIN_TASKS, 100])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_every_task_is_done_once(n_tasks: int, n_threads: int) -> None:
    done: list[int] = []
    with BLAS.limit(limits=n_threads), side_by_side():
        for_each(range(n_tasks), done.append)
    assert sorted(done) == list(range(n_tasks))


def test_two_threads_of_blas_are_two_tasks_at_once() -> None:
    meeting = threading.Barrier(2, timeout=30)
    with BLAS.limit(limits=2), side_by_side():
        for_each(range(MIN_TASKS), lambda _: meeting.wait())  # a single thread would wait in vain


def test_with_one_thread_and_outside_nobody_helps() -> None:
    threads: set[int] = set()
    with BLAS.limit(limits=1), side_by_side():
        for_each(range(100), lambda _: threads.add(threading.get_ident()))
    with BLAS.limit(limits=2):
        for_each(range(100), lambda _: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_a_task_may_have_tasks_of_its_own() -> None:
    done: list[tuple[int, int]] = []
    with BLAS.limit(limits=2), side_by_side():
        for_each(range(10), lambda i: for_each(range(10), lambda j: done.append((i, j))))
    assert sorted(done) == [(i, j) for i in range(10) for j in range(10)]


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("wrong", [0, 50, 99])
def test_an_error_comes_through(n_threads: int, wrong: int) -> None:
    def do(task: int) -> None:
        if task == wrong:
            raise ValueError(f"task {task}")

    with BLAS.limit(limits=n_threads), pytest.raises(ValueError, match=f"task {wrong}"), side_by_side():
        for_each(range(100), do)


def test_blas_keeps_to_one_thread_inside_and_no_longer() -> None:
    with BLAS.limit(limits=2):
        with side_by_side():
            assert {library.num_threads for library in BLAS.lib_controllers} == {1}
        assert {library.num_threads for library in BLAS.lib_controllers} == {2}


def test_two_threads_take_turns() -> None:
    n_inside, most = 0, 0

    def compute() -> None:
        nonlocal n_inside, most
        with side_by_side(), side_by_side():
            n_inside += 1
            most = max(most, n_inside)
            time.sleep(0.02)
            n_inside -= 1

    threads = [threading.Thread(target=compute) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert most == 1


def test_after_an_error_nothing_goes_on() -> None:
    both, done = threading.Barrier(2, timeout=30), []

    def do(task: int) -> None:
        if task < 2:
            both.wait()
        if threading.current_thread() is threading.main_thread():
            raise ValueError("no more")
        time.sleep(0.05)
        done.append(task)

    with BLAS.limit(limits=2), side_by_side():
        with pytest.raises(ValueError, match="no more"):
            for_each(range(50), do)
        n_done = len(done)
        time.sleep(0.2)
        assert n_done == len(done) < 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_has_no_helpers() -> None:
    with BLAS.limit(limits=2), side_by_side():
        child = multiprocessing.get_context("fork").Process(target=for_each, args=(range(100), abs))
        child.start()
        child.join(30)
        assert child.exitcode == 0


N, K, D = 4000, 60, 30


def people(m_step: str) -> FloatArray:
    rng = np.random.default_rng(0)
    columns = rng.integers(0, N, 9000), rng.integers(0, 20, 9000), rng.integers(0, K, 9000)
    machine = normalise(rng.normal(size=(N, K))).astype(np.float32)
    settings = AggregatorSettings(m_step=m_step, max_em_steps=3, likelihood_epsilon=0)  # type: ignore[arg-type]
    _, evidence, em = aggregate.fit(
        Annotations(*columns, N, 20, K), 1 + 9 * np.eye(K), machine, settings, rng=np.random.default_rng(1)
    )
    return np.append(aggregate.e_step(evidence, machine, em.class_prior, 0.9, 0.8), em.objective)


def network() -> FloatArray:
    rng = np.random.default_rng(0)
    made = TanhNetwork(D, K, LearnerSettings(algo="mlp"), rng)
    return made.predict_proba(rng.normal(size=(N, D))).astype(np.float64)


def ranks() -> FloatArray:
    rng = np.random.default_rng(0)
    return rank_of_truth(rng.integers(0, 9, (N, K)) / 9, rng.integers(0, K, N)).astype(np.float64)


@pytest.mark.parametrize("compute", [lambda: people("soft"), lambda: people("hard"), network, ranks])
def test_results_are_the_same_bit_by_bit_on_any_number_of_cores(compute: Callable[[], FloatArray]) -> None:
    expected = compute()
    for n_threads in (1, 2, 3):
        with BLAS.limit(limits=n_threads), side_by_side():
            np.testing.assert_array_equal(compute(), expected)
