"""What `benchmarks/efficiency/honesty.py` tells apart, and that it runs."""

import sys

import numpy as np
import pytest
from honesty import KINDS, kind_of, main, print_set, run
from sets import SETS, Run, Set

from askless.types import Annotations, Confusion, Estimate


def test_images_are_told_apart_by_what_people_said() -> None:
    said = {1: [0], 2: [1], 3: [1, 1], 4: [0, 1], 5: [1, 1, 1], 6: [0, 0, 1], 7: [1, 1, 0, 1]}
    item = np.array([i for i, labels in said.items() for _ in labels])
    label = np.array([z for labels in said.values() for z in labels])
    annotations = Annotations(item, np.arange(len(item)), label, 8, len(item), 2)
    machine = np.tile(np.array([0.9, 0.1], np.float32), (8, 1))
    nobody = np.empty(0, np.int64)
    confusion = Confusion(np.ones((2, 2)), nobody, nobody, np.empty((0, 2)), len(item))
    estimate = Estimate(machine.astype(np.float64), confusion, np.full(2, 0.5), machine, 0.0, 0.0)
    expected = [
        "nobody",
        "one, as the machine",
        "one, unlike it",
        "two, alike",
        "two, differing",
        "more, alike",
        "more, differing",
        "more, differing",
    ]
    assert [KINDS[kind] for kind in kind_of(annotations, estimate)] == expected


def test_every_kind_is_printed_and_every_image_counted_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(SETS, "digits", Set("dataset=digits n_data_per_class=20", (0.9,), 0.6))
    print_set("digits", [run(Run("digits", "askless", 50, 10, seed), 0.3) for seed in (0, 1)])
    shown = capsys.readouterr().out
    assert all(kind in shown for kind in KINDS)
    assert sum(int(line[22:29]) for line in shown.splitlines() if line.startswith("  ")) == 400


def test_a_set_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["honesty.py", "nothing"])
    with pytest.raises(SystemExit):
        main()
    assert "there is no set nothing; choose some of digits" in capsys.readouterr().err
