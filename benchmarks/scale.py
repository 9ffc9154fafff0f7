"""100,000 items, 100 classes, 50 annotators, `efficient_annotation`, one annotation per item: minutes, memory, log.

    python benchmarks/scale.py [--n-data-per-class 1000]

One `askless simulate` in a process of its own, on synthetic features of 256 dimensions, batches of 40, 50 a round. The
threshold is 0, so that every item stays open until the budget of one annotation per item is spent.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N_CLASSES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n-data-per-class", type=int, default=1000)
    n_items = N_CLASSES * parser.parse_args().n_data_per_class
    settings = (
        "experiment=imagenet_100_classes features=synthetic learner_method=efficient_annotation simulation=uniform "
        f"n_data_per_class={n_items // N_CLASSES} budget={n_items} max_risk=0 seed=0"
    )
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "askless", "simulate", *settings.split(), "--out", str(run), "--json"]
        start = time.perf_counter()
        summary = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        minutes = (time.perf_counter() - start) / 60
        n_bytes = (run / "log.db").stat().st_size
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{platform.machine()}, {os.cpu_count()} cores: askless simulate {settings}")
    print(
        f"{n_items} items, {summary['n_annotations']} annotations: {minutes:.1f} minutes "
        f"({(used.ru_utime + used.ru_stime) / 60:.1f} of CPU), at most {used.ru_maxrss / 2**20:.2f} GiB, "
        f"log {n_bytes / summary['n_annotations']:.0f} bytes an annotation with the items' ids, "
        f"accuracy {summary['accuracy']:.3f}"
    )


if __name__ == "__main__":
    main()
