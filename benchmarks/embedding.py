"""What embedding costs beside the network itself, how much memory it takes, and what the features are worth.

    python benchmarks/embedding.py

EfficientNet-Lite0 (needs the extra [onnx]) on pictures cut from scikit-learn's two photographs, JPEG, quality 90.
onnxruntime's own figures are for arrays that are in memory already: no decoding, no cutting, nothing written; with one
call at a time on all cores, as it is used by default, and with a call for each core at once, which is faster.
"""

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images
from sklearn.linear_model import LogisticRegression

from askless.data.folder import CampaignFolder
from askless.data.item_table import ItemRow, ItemTable, to_csv
from askless.embed.basic import BasicEncoder
from askless.embed.efficientnet_lite import build_graph
from askless.embed.encoder import Encoder
from askless.embed.models import LITE, MODELS, open_encoder
from askless.embed.preprocessing import Pixels, Preprocessing
from askless.embed.run import count_cores, embed
from askless.embed.weights import read_packaged
from askless.types import Float32Array

N_IMAGES = 192
REPEATS = 3
SHARED = Path(os.environ.get("ASKLESS_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def make_campaign(root: Path, pictures: list[Image.Image]) -> CampaignFolder:
    """A campaign as `askless init` makes it, without its thumbnails."""
    (root / "images").mkdir(parents=True)
    folder, rows = CampaignFolder(root), []
    for i, picture in enumerate(pictures):
        path = root / f"images/{i:05}.jpg"
        picture.save(path, quality=90)
        content = path.read_bytes()
        digest = blake2b(content, digest_size=16).hexdigest()
        rows.append(ItemRow(path.name, f"images/{path.name}", *picture.size, len(content), digest, "", ""))
    folder.items.write_text(to_csv([ItemRow._fields, *rows]))
    folder.classes.write_text(json.dumps(["a", "b"]))
    return folder


def photographs(n: int, width: int, height: int) -> list[Image.Image]:
    sources = [Image.fromarray(image) for image in load_sample_images().images]
    rng = np.random.default_rng(0)
    pictures = []
    for i in range(n):
        source, share = sources[i % 2], rng.uniform(0.4, 1)
        left, top = (rng.uniform(0, side * (1 - share)) for side in source.size)
        box = (left, top, left + share * source.width, top + share * source.height)
        pictures.append(source.resize((width, height), box=box))
    return pictures


def measure(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of all cores together: on a machine that others use, only these can be compared."""
    wall, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - wall, time.process_time() - cpu


def embed_anew(folder: CampaignFolder, encoder: Encoder) -> None:
    for path in (folder.features, folder.features_info):
        path.unlink(missing_ok=True)
    embed(folder, encoder)


def run_onnxruntime(arrays: npt.NDArray[np.float32], n_threads: int, n_calls: int) -> Callable[[], object]:
    """A session on `n_threads` cores that is called `n_calls` times at once, until all arrays are done."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    model = MODELS[LITE]
    graph = build_graph(read_packaged(model.file, model.home, model.sha256))
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    batches = np.split(arrays, range(8, len(arrays), 8))

    def run() -> None:
        with ThreadPoolExecutor(n_calls) as pool:
            list(pool.map(lambda batch: session.run(["features"], {"image": batch}), batches))

    return run


def compare_speed(folder: CampaignFolder, encoder: Encoder, *, is_decoded: bool = False) -> None:
    """Prints a line; with `is_decoded` the pictures are in memory as well, so that both do the same arrays."""
    n_cores = count_cores()
    table = folder.read_items()
    cut = encoder.preprocessing
    pictures = [table.open_image(i, at_least=cut.at_least) for i in range(len(table))]
    arrays = cut.scale(np.stack([cut.cut(picture) for picture in pictures]))

    def embed_these() -> None:
        opened = (lambda self, i, at_least: pictures[i]) if is_decoded else ItemTable.open_image
        with mock.patch.object(ItemTable, "open_image", opened):
            embed_anew(folder, encoder)

    actions = (
        embed_these,
        run_onnxruntime(arrays, n_cores, 1),
        run_onnxruntime(arrays, 1, n_cores),
    )
    times = np.array([[measure(action) for action in actions] for _ in range(REPEATS)])
    speed = len(table) / np.median(times[:, :, 0], axis=0)
    ratio = np.median(times[:, 1:] / times[:, :1], axis=0)
    name = "in memory" if is_decoded else f"{table.width[0]} x {table.height[0]} px"
    print(
        f"{name:14} {speed[0]:9.0f} {speed[1]:12.0f} {speed[2]:12.0f}"
        f" {ratio[0, 0]:15.0%} {ratio[1, 0]:10.0%} {ratio[1, 1]:15.0%}",
        flush=True,
    )


class Constant(Encoder):
    """As many numbers as a network gives, without one: what is left is the way of rows to the disk."""

    preprocessing = Preprocessing(8, None, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    dimension = 1280
    batch_size = 8

    def __init__(self) -> None:
        self.info = {"model": "constant"}

    def encode(self, pixels: Pixels) -> Float32Array:
        return np.ones((len(pixels), self.dimension), np.float32)


def make_undecoded_campaign(root: Path, n: int) -> CampaignFolder:
    """A campaign without image files, for `Constant`."""
    root.mkdir()
    folder = CampaignFolder(root)
    rows = (ItemRow(f"{i}.jpg", f"{i}.jpg", 8, 8, 1, f"{i:032x}", "", "") for i in range(n))
    folder.items.write_text(to_csv([ItemRow._fields, *rows]))
    return folder


def open_nothing(table: ItemTable, i: int, *, at_least: int | None = None) -> Image.Image:
    return Image.new("RGB", (8, 8))


def peak_megabytes(folder: CampaignFolder, what: str) -> float:
    """Of a process that embeds the campaign, all of Python and onnxruntime included (Linux)."""
    command = [sys.executable, __file__, what, str(folder.root)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024


def embed_and_print_peak(what: str, folder: CampaignFolder) -> None:
    if what == "undecoded":
        with mock.patch.object(ItemTable, "open_image", open_nothing):
            embed(folder, Constant())
    else:
        embed(folder, open_encoder(LITE))
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    print(line)


def linear_probe(rows: npt.NDArray[np.float32], truth: npt.NDArray[np.int64], n_labelled: int) -> float:
    order = np.random.default_rng(0).permutation(len(rows))
    known, rest = order[:n_labelled], order[n_labelled:]
    scaled = (rows - rows.mean(axis=0)) / rows.std()
    probe = LogisticRegression(max_iter=500, C=0.1).fit(scaled[known], truth[known])
    return float(probe.score(scaled[rest], truth[rest]))


def compare_probes(root: Path) -> None:
    data, truth = (column[:900] for column in load_digits(return_X_y=True))
    grey = np.rint(255 - np.pad(data.reshape(-1, 8, 8), ((0, 0), (2, 2), (2, 2))) * 255 / 16).astype(np.uint8)
    pictures = [Image.fromarray(digit).resize((96, 96), Image.Resampling.BICUBIC).convert("RGB") for digit in grey]
    folder = make_campaign(root, pictures)
    print(f"900 digits, 180 labelled     pixels              {linear_probe(data, truth, 180):.3f}")
    for encoder in (BasicEncoder(), open_encoder(LITE)):
        embed(folder, encoder)
        accuracy = linear_probe(np.load(folder.features).astype(np.float32), truth, 180)
        print(f"                             {encoder.info['model']:18}  {accuracy:.3f}")
    if (SHARED / "cifar10h").is_dir():
        rows = np.load(SHARED / "cifar10h/features.npy").astype(np.float32)
        accuracy = linear_probe(rows, np.load(SHARED / "cifar10h/labels.npy").astype(np.int64), 1000)
        print(f"cifar10h, 1,000 labelled     {LITE:18}  {accuracy:.3f}   (features made elsewhere)")


def main() -> None:
    if len(sys.argv) == 3:
        embed_and_print_peak(sys.argv[1], CampaignFolder(Path(sys.argv[2])))
        return
    print(
        f"{platform.machine()}, {count_cores()} cores, Python {platform.python_version()}, "
        f"onnxruntime {onnxruntime.__version__}, load {os.getloadavg()[0]:.1f}\n"
    )
    print("images/s         askless   ORT, 1 call  ORT, n calls     of 1 call  of n calls  of n calls, CPU")
    encoder = open_encoder(LITE)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        small = make_campaign(root / "small", photographs(N_IMAGES, 224, 224))
        compare_speed(small, encoder, is_decoded=True)
        for width, height in ((256, 256), (500, 375), (1600, 1200)):
            compare_speed(make_campaign(root / str(width), photographs(N_IMAGES, width, height)), encoder)
        print("\npeak memory, MB, of a process that embeds")
        for n in (128, 1024):
            folder = make_campaign(root / f"n{n}", photographs(n, 500, 375))
            print(f"{n:7} images                           {peak_megabytes(folder, 'decoded'):6.0f}", flush=True)
        for n in (10_000, 100_000, 200_000):
            folder = make_undecoded_campaign(root / f"undecoded{n}", n)
            print(f"{n:7} rows of 1,280, nothing decoded    {peak_megabytes(folder, 'undecoded'):6.0f}", flush=True)
        print("\naccuracy of a linear probe")
        compare_probes(root / "digits")


if __name__ == "__main__":
    main()
