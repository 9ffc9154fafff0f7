"""A first belief about every item from the names of the classes alone."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from askless.data.campaign_features import read_campaign_features
from askless.data.classes import OTHER, ClassInfo
from askless.data.durable import replace_array, replace_text
from askless.data.folder import CampaignFolder
from askless.data.prior import read_prior
from askless.embed.encoder import TextEncoder
from askless.types import Float32Array


def write_zero_shot_prior(folder: CampaignFolder, encoder: TextEncoder, info: Mapping[str, Any]) -> None:
    """Makes `prior.npy` (N, K) from features that an image network made, and its text side.

    The belief is the softmax of scaled cosines between an image and the mean of the texts of a class (Radford et al.,
    ICML 2021, section 3.1). It is as sure of itself as such networks are, which is too sure.

    Args:
        info: what the network is, for `prior.json`.
    """
    texts = [class_texts(one) for one in folder.read_classes()]
    vectors = np.stack([_unit(_unit(encoder.encode(of_class)).mean(axis=0)) for of_class in texts])
    features = read_campaign_features(folder, has_prior=False)
    beliefs = (softmax(encoder.scale * (_unit(block) @ vectors.T), axis=1) for _, block in features.blocks())
    _write(folder, (len(features), len(vectors)), beliefs, {**info, "texts": texts})


def take_prior(folder: CampaignFolder, source: Path) -> None:
    """Takes a belief (N, K) that was made elsewhere.

    Raises:
        DataError: see `askless.data.prior.read_prior`.
    """
    classes = [one.name for one in folder.read_classes()]
    prior = read_prior(source, len(folder.read_items()), len(classes))
    info = {"model": "file", "source": str(source.resolve()), "classes": classes}
    _write(folder, prior.shape, [prior], info)


def class_texts(info: ClassInfo) -> list[str]:
    """What a picture of a class could be captioned, once for each of its names."""
    if info.name == OTHER:
        return ["a photo."]
    explanation = f", {info.description.rstrip('.')}" if info.description else ""
    return [f"a photo of a {name.replace('_', ' ')}{explanation}." for name in (info.name, *info.aliases)]


def _write(
    folder: CampaignFolder, shape: tuple[int, ...], blocks: Iterable[Float32Array], info: Mapping[str, Any]
) -> None:
    replace_array(folder.prior, shape, np.float32, blocks)
    replace_text(folder.prior_info, json.dumps(info, indent=1, ensure_ascii=False) + "\n")


def _unit(vectors: Float32Array) -> Float32Array:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))
