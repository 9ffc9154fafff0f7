"""Networks of Hugging Face's kind, made here with random weights: what is tested is that they are used rightly."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from picture_folder import coloured, make_folder

torch = pytest.importorskip("torch", reason="needs askless[torch]")
transformers = pytest.importorskip("transformers", reason="needs askless[torch]")

from askless.data.prior import read_prior  # noqa: E402
from askless.embed import weights  # noqa: E402
from askless.embed.models import MODELS, Model, open_encoder  # noqa: E402
from askless.embed.prior import write_zero_shot_prior  # noqa: E402
from askless.embed.run import embed  # noqa: E402
from askless.embed.torch_encoder import TorchEncoder  # noqa: E402
from askless.errors import DataError  # noqa: E402

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
EYES = SMALL | {"image_size": 28, "patch_size": 14}
WORDS = ["<pad>", "<bos>", "<eos>", "<unk>", "a", "photo", "of", "cat", "dog", ".", ","]
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 28, 28, 3), np.uint8)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def save(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder)
    preprocessing = {"size": {"height": 28, "width": 28}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessing))
    return folder


def save_clip(folder: Path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    text = SMALL | {
        "vocab_size": len(WORDS),
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "max_position_embeddings": 16,
    }
    config = transformers.CLIPConfig(text_config=text, vision_config=EYES, projection_dim=8)
    save(folder, transformers.CLIPModel(config))
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", 1), ("<eos>", 2)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>", bos_token="<bos>", eos_token="<eos>"
    ).save_pretrained(folder)
    return folder


def test_an_image_network_gives_its_pooled_output(tmp_path: Path) -> None:
    model = transformers.Dinov2Model(transformers.Dinov2Config(**EYES)).eval()
    encoder = open_encoder(str(save(tmp_path / "dino", model)))
    rows = encoder.encode(PIXELS)
    seen = torch.tensor(PIXELS.transpose(0, 3, 1, 2) / 127.5 - 1, dtype=torch.float32)
    with torch.inference_mode():
        expected = model(pixel_values=seen).last_hidden_state[:, 0].numpy()
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    assert (encoder.dimension, encoder.text) == (16, None)
    assert encoder.info["model"] == "dino"
    assert len(encoder.info["sha256"]) == 64


def test_both_sides_of_a_network_make_features_and_a_belief(tmp_path: Path) -> None:
    encoder = open_encoder(str(save_clip(tmp_path / "clip")))
    assert encoder.dimension == 8
    assert encoder.text is not None
    assert encoder.text.scale == pytest.approx(np.exp(2.6592), rel=1e-4)
    folder = make_folder(tmp_path / "campaign", coloured(20))
    embed(folder, encoder)
    write_zero_shot_prior(folder, encoder.text, encoder.info)
    prior = read_prior(folder.prior, 20, 2)
    images = np.load(folder.features).astype(np.float64)
    texts = encoder.text.encode(["a photo of a cat.", "a photo of a dog."])
    cosines = (images / np.linalg.norm(images, axis=1, keepdims=True)) @ (
        texts / np.linalg.norm(texts, axis=1, keepdims=True)
    ).T
    chances = np.exp(encoder.text.scale * cosines)
    np.testing.assert_allclose(prior, chances / chances.sum(axis=1, keepdims=True), atol=1e-4)


def test_a_text_is_the_same_alone_and_among_longer_ones(tmp_path: Path) -> None:
    text = open_encoder(str(save_clip(tmp_path / "clip"))).text
    assert text is not None
    together = text.encode(["Cat", "a photo of a dog , a cat and a dog and a dog and a dog and a dog and a dog"])
    np.testing.assert_allclose(text.encode(["cat"])[0], together[0], atol=1e-6)
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_the_same_on_every_run(tmp_path: Path) -> None:
    path = str(save_clip(tmp_path / "clip"))
    np.testing.assert_array_equal(open_encoder(path).encode(PIXELS), open_encoder(path).encode(PIXELS))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    model = transformers.Dinov2Model(transformers.Dinov2Config(**EYES))
    folder = save(tmp_path / "dino", model)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    with pytest.raises(DataError, match="holds no model that transformers can load from safetensors"):
        open_encoder(str(folder))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    preprocessing = save_clip(tmp_path / "clip") and open_encoder(str(tmp_path / "clip")).preprocessing
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/config.json").write_text("{}")
    with pytest.raises(DataError, match=r"empty holds no model .* give the folder of one"):
        TorchEncoder(tmp_path / "empty", preprocessing, {"model": "empty"})


def test_a_model_known_by_name_is_fetched_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save_clip(tmp_path / "clip")
    monkeypatch.setattr(weights, "download", lambda *place: folder / "model.safetensors")
    digest = sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    for expected in (digest, "0" * 64):
        model = Model("tiny", "torch", "MIT", 8, 1, 1, "a/b", "main", "model.safetensors", expected, has_text=True)
        monkeypatch.setitem(MODELS, "tiny", model)
        if expected == digest:
            assert open_encoder("tiny").info["source"] == "https://huggingface.co/a/b"
        else:
            with pytest.raises(DataError, match=r"model\.safetensors is not the file that was published"):
                open_encoder("tiny")
