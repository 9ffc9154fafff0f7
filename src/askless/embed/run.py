"""From the images of a campaign folder to its `features.npy`: in chunks, in order, and resumable."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout
from joblib import cpu_count

from askless.data.durable import replace_text
from askless.data.features import read_features, read_features_info
from askless.data.folder import CampaignFolder
from askless.data.item_table import ItemTable
from askless.embed.chunks import Chunks
from askless.embed.components import principal_components
from askless.embed.encoder import Encoder
from askless.errors import DataError
from askless.types import Float32Array

CHUNK_ROWS = 1024
MAX_THREADS = 16
BLOCK_ROWS = 8192

OnProgress = Callable[[int, int], object]
"""Called with the number of items that are done and of all items, from one thread, in order."""


@dataclass(frozen=True)
class Embedding:
    """What a run made.

    Args:
        n_items: N.
        dimension: D of `features.npy`.
        n_reused: items whose features were there already, from a run that was cut off or before items were added.
        missing: items without features, each with the reason; their rows are the mean of all others.
    """

    n_items: int
    dimension: int
    n_reused: int
    missing: Mapping[str, str]


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
        DataError: another process embeds this campaign, its log was begun with other features, or most images of a
            chunk cannot be read.
    """
    table = folder.read_items()
    try:
        with FileLock(folder.root / "features.lock", timeout=0):
            return _embed(folder, table, encoder, n_threads or count_cores(), on_progress)
    except Timeout as error:
        raise DataError(f"Another process is embedding {folder.root}; wait until it is done.") from error


def take_features(folder: CampaignFolder, source: Path) -> Embedding:
    """Takes features that were made elsewhere; row i must be of item i.

    Raises:
        DataError: not such an array, another number of rows, a JSON beside it that says it is of other items, or the
            campaign's log was begun with other features.
    """
    table = folder.read_items()
    _refuse_if_begun(folder)
    features = read_features(source)
    info = {"model": "file", "source": str(source.resolve()), **_describe(table)}
    if len(features) != len(table):
        raise DataError(
            f"{source} has {len(features)} rows for the {len(table)} items of {folder.root}; give one row per item, "
            f"in the order of {folder.items}."
        )
    made = read_features_info(source.with_suffix(".json"))
    if made.get("items", info["items"]) != info["items"]:
        raise DataError(
            f"{source} was made of other items or in another order, says {source.with_suffix('.json').name}; "
            "make features of these."
        )
    dimension = int(features.values.shape[1])
    _replace(folder, features.values.shape, features.values.dtype, (block for _, block in features.blocks()))
    _write_info(folder, info | {"dimension": dimension, "dtype": features.values.dtype.name, "missing": {}})
    return Embedding(len(table), dimension, 0, {})


def _embed(
    folder: CampaignFolder, table: ItemTable, encoder: Encoder, n_threads: int, on_progress: OnProgress
) -> Embedding:
    made_so = {**encoder.info, "preprocessing": encoder.preprocessing.describe()}
    recipe: dict[str, Any] = json.loads(json.dumps({**made_so, **_describe(table)}))
    finished = read_features_info(folder.features_info)
    if finished | recipe == finished and not finished["missing"] and folder.features.exists():
        return Embedding(len(table), finished["dimension"], len(table), {})
    _refuse_if_begun(folder)
    dtype = np.float16 if encoder.n_components is None else np.float32
    chunks = Chunks(folder.root / "features.part", recipe, encoder.dimension, dtype)
    if chunks.n_rows == 0 and encoder.n_components is None:
        _take_over(folder, table, recipe, finished, chunks, encoder.batch_size)
    n_reused = chunks.n_rows
    on_progress(n_reused, len(table))
    _fill(table, encoder, chunks, n_threads, on_progress)
    dimension = _finish(folder, table, encoder, chunks)
    _write_info(folder, recipe | {"dimension": dimension, "dtype": "float16", "missing": chunks.missing})
    chunks.remove()
    return Embedding(len(table), dimension, n_reused, chunks.missing)


def _refuse_if_begun(folder: CampaignFolder) -> None:
    if folder.log.exists():
        raise DataError(
            f"{folder.log} was begun with the features of that time and would not open with others; embed before the "
            "first answer, or begin anew in another folder."
        )


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
    if not finished or any(finished.get(key) != recipe[key] for key in recipe if key not in about_items):
        return
    n_known = finished["n_rows"]
    if n_known > len(table) or finished["items"] != table.fingerprint(n_known):
        return
    n_right = min([n_known, *(table.index[item] for item in finished["missing"])]) // batch_size * batch_size
    values = read_features(folder.features).values
    for start in range(0, n_right, CHUNK_ROWS):
        chunks.append(values[start : min(start + CHUNK_ROWS, n_right)], {})


def _fill(table: ItemTable, encoder: Encoder, chunks: Chunks, n_threads: int, on_progress: OnProgress) -> None:
    """Encodes all rows that are not there yet. Batches always begin at the same rows, so their sums agree."""

    def encode(start: int) -> tuple[npt.NDArray[Any], dict[str, str]]:
        return _encode_batch(table, encoder, chunks.dtype, range(start, min(start + encoder.batch_size, len(table))))

    chunk_rows = max(1, CHUNK_ROWS // encoder.batch_size) * encoder.batch_size
    pool = ThreadPoolExecutor(n_threads)
    try:
        while chunks.n_rows < len(table):
            end = min((chunks.n_rows // chunk_rows + 1) * chunk_rows, len(table))
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
            "Mend that and repeat the command: it goes on from here."
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

    _replace(folder, (len(table), dimension), np.dtype(np.float16), finished())
    return dimension


def _replace(
    folder: CampaignFolder, shape: tuple[int, ...], dtype: np.dtype[Any], blocks: Iterator[npt.NDArray[Any]]
) -> None:
    """Writes `features.npy` whole or not at all. Until its JSON is written, too, nothing is said about it."""
    temporary = folder.features.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        )
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=dtype).data)
        file.flush()
        os.fsync(file.fileno())
    folder.features_info.unlink(missing_ok=True)
    temporary.replace(folder.features)


def _write_info(folder: CampaignFolder, info: Mapping[str, Any]) -> None:
    replace_text(folder.features_info, json.dumps(info, indent=1) + "\n")


def _describe(table: ItemTable) -> dict[str, Any]:
    return {"n_rows": len(table), "items": table.fingerprint()}


def count_cores() -> int:
    """Cores that this process may use, 16 at most: each thread holds a batch in memory."""
    return min(int(cpu_count()), MAX_THREADS)
