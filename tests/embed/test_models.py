import hashlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from askless.embed import models, weights
from askless.embed.basic import BasicEncoder
from askless.embed.models import LITE, MODELS, Model, default_model, open_encoder
from askless.errors import ConfigError, DataError


def install(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """As if only these were installed."""
    monkeypatch.setattr(models, "find_spec", lambda name: name in packages or None)


def pretend_hub(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    hub = ModuleType("huggingface_hub")
    hub.snapshot_download = answer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)


def test_every_model_says_where_it_comes_from_and_is_pinned() -> None:
    for model in MODELS.values():
        assert model.licence
        assert model.dimension > 0
        assert model.core_seconds > 0
        if model.engine != "numpy":
            assert model.home
            assert model.revision
            assert len(model.sha256) == 64
            assert model.info["model"] == model.name
        if model.engine == "torch":
            assert model.file.endswith(".safetensors")


def test_basic_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert isinstance(open_encoder("basic"), BasicEncoder)
    assert open_encoder("basic").info["model"] == "basic"


@pytest.mark.parametrize(("name", "extra"), [(LITE, "onnx"), ("dinov2-s", "onnx"), ("siglip2-b", "torch")])
def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, name: str, extra: str) -> None:
    install(monkeypatch, "huggingface_hub")
    with pytest.raises(ConfigError, match=rf"{name} needs .* not installed; run pip install 'askless\[{extra}\]'"):
        open_encoder(name)


def test_files_need_their_engine_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(monkeypatch)
    (tmp_path / "config.json").write_text("{}")
    for name, extra in (("net.onnx", "onnx"), (str(tmp_path), "torch")):
        with pytest.raises(ConfigError, match=rf"pip install 'askless\[{extra}\]'"):
            open_encoder(name)


@pytest.mark.parametrize("name", ["dino", "", "weights.pth", "."])
def test_an_unknown_model_is_refused(name: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"There is no model {name!r}; allowed: basic, {LITE}, .*a file \.onnx or \.npy"
    ):
        open_encoder(name)


def test_the_default_needs_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "packaged", lambda file: Path("there"))
    install(monkeypatch, "onnxruntime", "onnx", "huggingface_hub")
    assert default_model() == LITE
    install(monkeypatch)
    assert default_model() == "basic"
    install(monkeypatch, "onnxruntime", "onnx", "huggingface_hub")
    monkeypatch.setattr(weights, "packaged", lambda file: None)
    assert default_model() == "basic"


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "packaged", lambda file: None)
    with pytest.raises(DataError, match="run pip install some-package"):
        weights.read_packaged("some/file", "some-package", "")


def test_a_packaged_file_is_found_and_checked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path / "none"), str(tmp_path)])
    (tmp_path / "package").mkdir()
    (tmp_path / "package/weights").write_bytes(b"numbers")
    right = hashlib.sha256(b"numbers").hexdigest()
    assert weights.read_packaged("package/weights", "package", right) == b"numbers"
    with pytest.raises(DataError, match=r"is not the file that was published .* remove it and get it again"):
        weights.read_packaged("package/weights", "package", "0" * 64)


def test_a_download_that_fails_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **settings: object) -> None:
        raise RuntimeError("no route\nto host")

    pretend_hub(monkeypatch, fail)
    with pytest.raises(
        DataError, match=r"a/b cannot be downloaded \(RuntimeError: no route to host\); check the network"
    ):
        weights.download("a/b", "main", "model.onnx")


def test_another_file_than_the_published_one_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs askless[onnx]")
    asked: list[object] = []

    def give(repository: str, **settings: object) -> str:
        asked.extend([repository, settings["revision"]])
        return str(tmp_path)

    pretend_hub(monkeypatch, give)
    install(monkeypatch, "onnxruntime", "onnx", "huggingface_hub")
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx/model.onnx").write_bytes(b"numbers")
    with pytest.raises(DataError, match="is not the file that was published"):
        open_encoder("dinov2-s")
    assert asked == [MODELS["dinov2-s"].home, MODELS["dinov2-s"].revision]


def test_the_digest_of_several_files_depends_on_each(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "ab"]
    for path in files:
        path.write_bytes(b"numbers")
    alone = weights.with_sha256({}, files[:1])["sha256"]
    assert alone == hashlib.sha256(b"numbers").hexdigest()
    both = weights.with_sha256({}, files)["sha256"]
    files[1].write_bytes(b"others")
    assert len({alone, both, weights.with_sha256({}, files)["sha256"]}) == 3


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs askless[onnx]")
    with pytest.raises(DataError, match=r"none\.onnx cannot be read \(No such file or directory\)"):
        open_encoder(str(tmp_path / "none.onnx"))


def test_an_own_network_is_cut_for_as_the_file_beside_it_says(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs askless[onnx]")
    from small_networks import mean_network

    (tmp_path / "onnx").mkdir()
    path = tmp_path / "onnx/net.onnx"
    path.write_bytes(mean_network())
    with pytest.raises(DataError, match="does not take pictures of 224 x 224"):
        open_encoder(str(path))
    config = {"size": {"height": 4, "width": 4}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
    encoder = open_encoder(str(path))
    assert encoder.preprocessing.size == 4
    assert encoder.info["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert encoder.info["model"] == "net.onnx"


def test_what_can_run_is_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Model("m", "torch", "MIT", 1, 1, 1)
    install(monkeypatch, "torch", "transformers")
    assert not model.can_run
    install(monkeypatch, "torch", "transformers", "huggingface_hub")
    assert model.can_run
