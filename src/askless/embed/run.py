"""From the images of a campaign folder to its `features.npy`: in chunks, in order, and resumable."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from joblib import cpu_count

from askless.data.durable import replace_array
from askless.data.features import map_features
from askless.data.folder import CampaignFolder
from askless.data.item_table import ItemTable
from askless.data.lock import hold
from askless.embed.chunks import Chunks
from askless.embed.components import principal_components
from askless.embed.encoder import Encoder
from askless.embed.feature_file import Embedding, describe_items, read_finished, write_info
from askless.errors import DataError
from askless.types import Float32Array

CHUNK_ROWS = 1024
MAX_THREADS = 16
BLOCK_ROWS = 8192

OnProgress = Callable[[int, int], object]
"""Called with the number of items that are done and of all items, from one thread, in order."""


def embed(
    folder: CampaignFolder,
    encoder: Encoder,
    *,
    n_threads: int | None = None,
    on_progress: OnProgress = lambda n_done, n_items: None,
) -> Embedding:
    """Makes `features.npy` (float16, row i is item i) and `features.json` of all items of a campaign.

    The same items and the same encoder give the same bytes on a CPU, however many threads there are and however often
    the run was cut off. What is there already is kept: the chunks of a run that was cut off, and, after items were
    added, the rows of those before. An image that is gone, was changed or cannot be read gets the mean of all other
    rows, which says as little about it as can be, and is named in `features.json`; the next call tries it again.

    Args:
        n_threads: pictures are decoded and encoded by so many threads at once; none means one per core.

    Raises:
        DataError: another process embeds this campaign, or most images of a chunk cannot be read.
    """
    table = folder.read_items()
    busy = DataError(f"Another process is embedding {folder.root}; wait until it is done.")
    with hold(folder.root / "features.lock", busy):
        return _embed(folder, table, encoder, n_threads or count_cores(), on_progress)


def _embed(
    folder: CampaignFolder, table: ItemTable, encoder: Encoder, n_threads: int, on_progress: OnProgress
) -> Embedding:
    made_so = {**encoder.info, "preprocessing": encoder.preprocessing.describe()}
    recipe: dict[str, Any] = json.loads(json.dumps({**made_so, **describe_items(table)}))
    finished = read_finished(folder)
    if finished | recipe == finished and not finished["missing"]:
        return Embedding(len(table), finished["dimension"], len(table), {})
    dtype = np.float16 if encoder.n_components is None else np.float32
    chunks = Chunks(folder.root / "features.part", recipe, encoder.dimension, dtype)
    if chunks.n_rows == 0 and encoder.n_components is None:
        _take_over(folder, table, recipe, finished, chunks, encoder.batch_size)
    n_reused = chunks.n_rows
    on_progress(n_reused, len(table))
    _fill(table, encoder, chunks, n_threads, on_progress)
    dimension = _finish(folder, table, encoder, chunks)
    write_info(folder, recipe | {"dimension": dimension, "dtype": "float16", "missing": chunks.missing})
    chunks.remove()
    return Embedding(len(table), dimension, n_reused, chunks.missing)


def _take_over(
    folder: CampaignFolder,
    table: ItemTable,
    recipe: Mapping[str, Any],
    finished: Mapping[str, Any],
    chunks: Chunks,
    batch_size: int,
) -> None:
    """Copies the rows of finished features that are still right: up to the first missing one, in whole batches."""
    about_items = ("items", "n_rows")
    if any(finished.get(key) != recipe[key] for key in recipe if key not in about_items):
        return
    n_known = finished["n_rows"]
    if n_known > len(table) or finished["items"] != table.fingerprint(n_known):
        return
    n_right = min([n_known, *(table.index[item] for item in finished["missing"])]) // batch_size * batch_size
    values, step = map_features(folder.features), _chunk_rows(batch_size)
    for start in range(0, n_right, step):
        chunks.append(values[start : min(start + step, n_right)], {})


def _fill(table: ItemTable, encoder: Encoder, chunks: Chunks, n_threads: int, on_progress: OnProgress) -> None:
    """Encodes all rows that are not there yet. Batches always begin at the same rows, so their sums agree."""

    def encode(start: int) -> tuple[npt.NDArray[Any], dict[str, str]]:
        return _encode_batch(table, encoder, chunks.dtype, range(start, min(start + encoder.batch_size, len(table))))

    step = _chunk_rows(encoder.batch_size)
    pool = ThreadPoolExecutor(n_threads)
    try:
        while chunks.n_rows < len(table):
            end = min((chunks.n_rows // step + 1) * step, len(table))
            rows: list[npt.NDArray[Any]] = []
            missing: dict[str, str] = {}
            n_done = chunks.n_rows
            for batch, without in pool.map(encode, range(n_done, end, encoder.batch_size)):
                rows.append(batch)
                missing |= without
                n_done += len(batch)
                on_progress(n_done, len(table))
            _refuse_if_most_are_missing(missing, end - chunks.n_rows)
            chunks.append(np.concatenate(rows), missing)
    finally:
        pool.shutdown(cancel_futures=True)


def _chunk_rows(batch_size: int) -> int:
    """About `CHUNK_ROWS`, in whole batches."""
    return max(1, CHUNK_ROWS // batch_size) * batch_size


def _encode_batch(
    table: ItemTable, encoder: Encoder, dtype: npt.DTypeLike, items: range
) -> tuple[npt.NDArray[Any], dict[str, str]]:
    """Rows of some items, and which of them are missing and why; the row of a missing one is zero."""
    cut = encoder.preprocessing
    pixels = np.zeros((len(items), cut.size, cut.size, 3), np.uint8)
    missing = {}
    for place, i in enumerate(items):
        try:
            pixels[place] = cut.cut(table.open_image(i, at_least=cut.at_least))
        except DataError as error:
            missing[table.item[i]] = str(error)
    if len(missing) == len(items):
        return np.zeros((len(items), encoder.dimension), dtype), missing
    with np.errstate(over="ignore"):
        rows = encoder.encode(pixels).astype(dtype)
    for place, i in enumerate(items):
        if not np.isfinite(rows[place]).all():
            missing.setdefault(table.item[i], "The network made no finite numbers of it.")
        if table.item[i] in missing:
            rows[place] = 0
    return rows, missing


def _refuse_if_most_are_missing(missing: Mapping[str, str], n_items: int) -> None:
    if 2 * len(missing) > n_items:
        first = next(iter(missing.values()))
        raise DataError(
            f"{len(missing)} of {n_items} images have no features, which is too many to go on. {first} "
            "Fix that, then repeat the command: it goes on from here."
        )


def _finish(folder: CampaignFolder, table: ItemTable, encoder: Encoder, chunks: Chunks) -> int:
    """Writes `features.npy` from the finished chunks; returns its D."""
    is_missing = np.zeros(len(table), bool)
    is_missing[[table.index[item] for item in chunks.missing]] = True

    def present() -> Iterator[Float32Array]:
        for start, block in chunks.blocks(BLOCK_ROWS):
            yield block[~is_missing[start : start + len(block)]].astype(np.float32)

    if encoder.n_components is None:
        dimension = chunks.dimension
        total = sum(block.sum(axis=0, dtype=np.float64) for block in present())
        mean = np.asarray(total / max((~is_missing).sum(), 1), dtype=np.float16)
    else:
        centre, to_components = principal_components(present, encoder.n_components)
        dimension = to_components.shape[1]
        mean = np.zeros(dimension, np.float16)

    def finished() -> Iterator[npt.NDArray[Any]]:
        for start, block in chunks.blocks(BLOCK_ROWS):
            values = block if encoder.n_components is None else ((block - centre) @ to_components)
            rows = values.astype(np.float16)
            rows[is_missing[start : start + len(block)]] = mean
            yield rows

    replace_array(folder.features, (len(table), dimension), np.float16, finished())
    return dimension


def count_cores() -> int:
    """Cores that this process may use, 16 at most: each thread holds a batch in memory."""
    return min(int(cpu_count()), MAX_THREADS)
