"""Time and memory of importing many answers: `python benchmarks/import_rows.py [ROWS]`, a million unless said.

Each file goes into a campaign of its own, by a process of its own, whose largest memory is shown; so do half as many
rows, by which one sees what a row costs and what is there anyway.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from askless import Campaign, Dataset, Features, preset
from askless.data.answers_in.formats import read_answers
from askless.importing import import_answers

N_ITEMS, N_ANNOTATORS, N_CLASSES = 50_000, 500, 10
CLASSES = tuple(f"class {k}" for k in range(N_CLASSES))


def rows(n_rows: int) -> Iterator[tuple[int, int, int]]:
    """Item, annotator, label; nobody labels an item twice."""
    rng = np.random.default_rng(0)
    for start in range(0, n_rows, N_ITEMS):
        n = min(N_ITEMS, n_rows - start)
        annotators = (np.arange(n) + 7 * (start // N_ITEMS)) % N_ANNOTATORS
        yield from zip(range(n), annotators.tolist(), rng.integers(0, N_CLASSES, n).tolist(), strict=True)


def write_crowd_table(path: Path, n_rows: int) -> None:
    with path.open("w") as file:
        file.write("task,worker,label,response_ms\n")
        file.writelines(f"item-{i},worker-{j},{CLASSES[k]},1500\n" for i, j, k in rows(n_rows))


def write_label_studio(path: Path, n_rows: int) -> None:
    """One annotation per task, as many tasks as rows."""
    with path.open("w") as file:
        for number, (i, j, k) in enumerate(rows(n_rows)):
            result = [{"type": "choices", "value": {"choices": [CLASSES[k]]}}]
            annotation = {"completed_by": {"email": f"worker-{j}"}, "lead_time": 1.5, "result": result}
            file.write("[" if number == 0 else ",\n")
            file.write(json.dumps({"data": {"item": f"item-{i}"}, "annotations": [annotation]}))
        file.write("]")


def import_file(log: Path, path: Path) -> None:
    dataset = Dataset(tuple(f"item-{i}" for i in range(N_ITEMS)), CLASSES)
    features = Features(np.zeros((N_ITEMS, 1), np.float32))
    start, cpu_start = time.perf_counter(), time.process_time()
    with closing(Campaign.create(log, dataset, features, preset("ds_model"))) as campaign:
        report = import_answers(campaign, read_answers(path), {name: k for k, name in enumerate(CLASSES)})
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{path.name:12} {report.n_accepted:>9} answers  {seconds:6.1f} s ({cpu_seconds:.1f} s of CPU)  "
        f"{megabytes:6.0f} MB at most"
    )


def main() -> None:
    n_most = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    writers = {"answers.csv": write_crowd_table, "tasks.json": write_label_studio}
    with TemporaryDirectory() as folder:
        for name, write in writers.items():
            for n_rows in (n_most // 2, n_most):
                path = Path(folder) / name
                write(path, n_rows)
                log = Path(folder) / f"{name}-{n_rows}.db"
                subprocess.run([sys.executable, __file__, "--import", log, path], check=True)


if __name__ == "__main__":
    if "--import" in sys.argv:
        import_file(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
