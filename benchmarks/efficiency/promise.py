"""Are promises kept, and what do they cost? Many independent campaigns that promise the accuracy of the set.

    python benchmarks/efficiency/promise.py [SET ...] --seeds 0-199 --out FOLDER [--jobs 16]
        [--target-accuracy 0.95] [--confidence 0.95] [--set "KEY=VALUE ..."]

A campaign of a set and a seed is a file in FOLDER; what is there is not run again, so that a benchmark that was cut off
goes on. Printed are, for each set: how many campaigns made the promise, the share of promises that were true (with a
95 % interval), the share of campaigns that gave up, answers and audits per image at the stop, and the overspend: by how
much all answers together exceed those of the round at which the labels first reached the target, which only the truth
knows. Beside it the limit: the same for somebody who knows the share of wrong labels, audits at the best of all rounds
until an audit began, and takes as few items as an exact test of one look needs (hypergeometric). And of the forecasts
made at a third of the way, how many were within 20 % of the real cost, and how many of their 80 % intervals held it.
Beside them two limits, with the best number that could have been chosen afterwards: how many campaigns have a cost
within 20 % of one and the same number, which no forecast that does not look at the campaign can beat; and how many,
if the answers of the crowd were known exactly, and the number stood for the length of the audits alone.
"""

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from scipy.stats import binomtest, hypergeom
from threadpoolctl import threadpool_limits

from askless.config import compose
from askless.core.bets import Stratum
from askless.core.forecast import forecast, until_promised
from askless.core.promise import Terms, allowed_wrong, alpha_of
from askless.simulate.experiment import Row
from askless.simulate.run import simulate
from askless.types import IntArray

SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[3] / "shared")) / "data"
AMT = f"simulation=amt_structured_noise crowd.amt_folder={SHARED / 'amt_imagenet100'} features=synthetic"
COUNTS = (
    f"dataset={SHARED / 'cifar10h'} n_components=128 "
    f"simulation=replay crowd.recorded={SHARED / 'cifar10h' / 'human_counts.npy'}"
)
SETS = {
    "digits": "dataset=digits crowd.n_annotators=30 n_data_per_class=80",
    "commodity": f"{AMT} experiment=imagenet_split_5 n_data_per_class=60",
    "dogs": f"{AMT} experiment=imagenet_split_0 n_data_per_class=40",
    "humans": f"{COUNTS} n_data_per_class=100",
    "humans10k": COUNTS,
}
CLOSE = 0.2
"""A forecast is close if it is off by no more than this share of the cost."""

N_ROUNDS_PER_ANSWER_AN_ITEM = 40
SUMMARY = ("n_items", "n_annotations", "accuracy", "n_audited", "stopped_because")
COLUMNS = ("n_annotations", "posterior_all_top1", "mean_risk", "n_open", "n_audited", "accuracy_low", "accuracy_high")


def run(name: str, seed: int, settings: Sequence[str], folder: Path) -> None:
    """One campaign, unless its file is there."""
    file = folder / f"{name}-{seed}.json"
    if file.exists():
        return
    rows: list[Row] = []
    own = [f"seed={seed}", "learner_method=askless", *SETS[name].split()]
    n_items = simulate(compose([*own, "learner_method=majority_vote", "budget=1"]))["n_items"]
    round_size = max(5, round(n_items / N_ROUNDS_PER_ANSWER_AN_ITEM / 5))
    with threadpool_limits(1, "blas"):
        summary = simulate(compose([*own, f"batch_size={round_size}", "n_batches=5", *settings]), on_round=rows.append)
    kept = {key: summary[key] for key in SUMMARY}
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps(kept | {"rows": [{key: row[key] for key in COLUMNS} for row in rows]}))
    temporary.replace(file)


def report(name: str, campaigns: list[dict[str, Any]], target: float, confidence: float) -> None:
    promised = [c for c in campaigns if c["stopped_because"] == "promise_kept"]
    n_true = sum(c["accuracy"] >= target - 1e-9 for c in promised)
    print(f"\n{name}: {len(campaigns)} campaigns of {campaigns[0]['n_items']} images")
    reasons = sorted({c["stopped_because"] for c in campaigns})
    print("  ended          " + ", ".join(f"{r} {sum(c['stopped_because'] == r for c in campaigns)}" for r in reasons))
    if promised:
        interval = binomtest(n_true, len(promised)).proportion_ci(method="exact")
        print(
            f"  promises true  {n_true} of {len(promised)}: {n_true / len(promised):.3f} "
            f"[{interval.low:.3f}, {interval.high:.3f}]"
        )
        print(f"  accuracy       median {median(c['accuracy'] for c in promised):.4f}")
    per_item = [c["n_annotations"] / c["n_items"] for c in campaigns]
    audited = [c["n_audited"] / c["n_items"] for c in campaigns]
    print(f"  answers/image  median {median(per_item):.2f}, of these {median(audited):.2f} audits")
    over = [c["n_annotations"] / max(needed(c, target), 1) - 1 for c in promised if needed(c, target) is not None]
    spared = [max(needed(c, target), 1) for c in promised if needed(c, target) is not None]
    if over:
        print(f"  overspend      median {median(over):+.0%} over {median(spared):.0f} answers with the truth known")
        limit = [fewest(c, target, confidence) / max(needed(c, target), 1) - 1 for c in promised if needed(c, target)]
        print(f"  limit          median {median(limit):+.0%}" if limit else "  limit          none")
    forecasts = [of_forecast for c in campaigns if (of_forecast := judge_forecast(c, target, confidence)) is not None]
    if forecasts:
        close, within = np.mean(forecasts, axis=0)
        print(f"  forecast       within 20 % in {close:.0%}, its 80 % interval held the cost in {within:.0%}")
    costs, audits = np.array([(c["n_annotations"], c["n_audited"]) for c in campaigns]).T
    print(
        f"  best constant  within 20 % in {most_within(costs):.1%}, "
        f"for audits after a crowd that is known in {most_within(costs, costs - audits):.1%}",
        flush=True,
    )


def most_within(costs: IntArray, known: IntArray | int = 0) -> float:
    """The share of campaigns whose cost is within `CLOSE` of what is known of it and one number for all, the best."""
    low, high = (1 - CLOSE) * costs - known, (1 + CLOSE) * costs - known
    is_within = (low[:, None] <= low) & (low <= high[:, None])
    return float(is_within.mean(axis=0).max())


def needed(campaign: dict[str, Any], target: float) -> int | None:
    """Answers at the first round with this accuracy; none if there was none."""
    return next((r["n_annotations"] for r in campaign["rows"] if r["posterior_all_top1"] >= target), None)


def fewest(campaign: dict[str, Any], target: float, confidence: float) -> float:
    """Answers of the crowd and of auditors together, at the best round before the first audit."""
    n_items = campaign["n_items"]
    n_allowed = allowed_wrong(n_items, target)

    def n_audits(accuracy: float) -> float:
        n = np.arange(1, n_items // 2)  # `promise.max_audit_share`
        found = np.round(n * (1 - accuracy))
        is_shown = hypergeom.cdf(found, n_items, np.minimum(n_allowed + found + 1, n_items), n) <= 1 - confidence
        return n[np.argmax(is_shown)] if is_shown.any() else np.inf

    before = [row for row in campaign["rows"] if not row["n_audited"]]
    return min(row["n_annotations"] + n_audits(row["posterior_all_top1"]) for row in before)


def judge_forecast(campaign: dict[str, Any], target: float, confidence: float) -> tuple[bool, bool] | None:
    """Whether a forecast of the whole cost at a third of the way was within 20 %, and its interval right.

    Rows hold the mean risk only, so that the audit to come is of one stratum; `Campaign.forecast` has strata by risk.
    """
    real = campaign["n_annotations"]
    seen = [row for row in campaign["rows"] if row["n_annotations"] <= real / 3]
    history = [(row["n_annotations"], row["mean_risk"]) for row in seen]
    n_items = campaign["n_items"]
    strata = (Stratum(n_items, history[-1][1], 1.0),)
    terms = Terms(n_items, target, strata, 1.0, alpha_of(0, confidence), n_items // 2)
    made = forecast(history, until_promised(terms))
    if made is None:
        return None
    return abs(made.n_answers - real) <= CLOSE * real, made.low <= real <= made.high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"some of {', '.join(SETS)}; all if none")
    parser.add_argument("--seeds", default="0-199", help="FIRST-LAST")
    parser.add_argument("--out", type=Path, required=True, help="folder of a file per campaign")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--target-accuracy", type=float, default=0.95)
    parser.add_argument("--confidence", type=float, default=0.95)
    parser.add_argument("--set", default="", help="more settings of every campaign")
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - SETS.keys():
        parser.error(f"there is no set {', '.join(sorted(unknown))}; choose some of {', '.join(SETS)}")
    names = arguments.sets or list(SETS)
    first, last = map(int, arguments.seeds.split("-"))
    settings = [
        f"promise.target_accuracy={arguments.target_accuracy}",
        f"promise.confidence={arguments.confidence}",
        *arguments.set.split(),
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    tasks = [(name, seed) for seed, name in product(range(first, last + 1), names)]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for future in [pool.submit(run, name, seed, settings, arguments.out) for name, seed in tasks]:
            future.result()
    for name in names:
        files = [arguments.out / f"{name}-{seed}.json" for seed in range(first, last + 1)]
        report(name, [json.loads(file.read_text()) for file in files], arguments.target_accuracy, arguments.confidence)


if __name__ == "__main__":
    main()
