import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from askless.cli import app, embed, models, progress
from askless.data.folder import CampaignFolder
from askless.embed.encoder import Encoder, TextEncoder
from askless.embed.models import MODELS
from askless.errors import ConfigError, DataError
from askless.server.live import LiveCampaign
from askless.types import Float32Array
from picture_folder import MeanColour, coloured, make_folder
from served_campaign import announced, make_campaign


@pytest.fixture
def folder(tmp_path: Path) -> CampaignFolder:
    return make_folder(tmp_path / "birds", coloured(20))


def run(*arguments: object) -> tuple[str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, " ".join(result.stderr.split())


def test_basic_features_say_what_is_known_of_them(folder: CampaignFolder) -> None:
    out, err = run("embed", folder.root, "--model", "basic")
    assert "20 items" in out
    assert str(folder.features) in out
    assert "98.5 % right with basic and 93.6 % with efficientnet-lite0 (benchmarks/embedding.py)" in err
    assert "pip install 'askless[onnx]'" in err
    assert np.load(folder.features).shape[0] == 20
    out, _ = run("embed", folder.root, "--model", "basic")
    assert f"The features of all 20 items are there already: {folder.features}" in out


def test_while_it_is_served_it_says_when_they_are_taken_up(tmp_path: Path) -> None:
    folder = CampaignFolder(make_campaign(tmp_path / "shapes"))
    with closing(LiveCampaign(folder.root)) as live, announced(live) as server:
        _, err = run("embed", folder.root, "--model", "basic")
        assert f"being served at {server.url}, and goes on there as it was: end serving" in err
        _, err = run("embed", folder.root, "--model", "basic")
        assert "being served" not in err  # nothing is new
    _, err = run("embed", folder.root, "--model", "basic")
    assert "being served" not in err


def test_the_default_is_at_hand(folder: CampaignFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "default_model", lambda: "basic")
    out, _ = run("embed", folder.root, "--json")
    summary = json.loads(out)
    assert summary.pop("seconds") > 0
    dimension = summary.pop("dimension")
    assert dimension == np.load(folder.features).shape[1]
    assert summary == {"model": "basic", "n_items": 20, "n_reused": 0, "n_missing": 0, "has_prior": False}


def test_features_and_a_belief_from_elsewhere(folder: CampaignFolder, tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", np.ones((20, 3), np.float32))
    np.save(tmp_path / "belief.npy", np.full((20, 2), 0.5))
    out, err = run("embed", folder.root, "--model", tmp_path / "own.npy", "--prior", tmp_path / "belief.npy")
    assert "20 items, 3 numbers each" in out
    assert f"A first belief about each item: {folder.prior}" in out
    assert not err


def test_missing_items_are_named(folder: CampaignFolder) -> None:
    (folder.root / "images/00007.png").unlink()
    _, err = run("embed", folder.root, "--model", "basic")
    assert "Without features: 1 of 20 items" in err
    assert "The first is 00007.png: The image images/00007.png" in err


def test_a_network_that_reads_makes_a_belief(folder: CampaignFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    class Length(TextEncoder):
        scale = 2.0

        def encode(self, texts: Sequence[str]) -> Float32Array:
            return np.array([[len(text), 1, 2, 3] for text in texts], np.float32)

    class Reader(MeanColour):
        text = Length()

    monkeypatch.setattr(embed, "open_encoder", lambda name: Reader())
    out, _ = run("embed", folder.root, "--model", "any", "--json")
    assert json.loads(out)["has_prior"]
    assert np.load(folder.prior).shape == (20, 2)


def test_interrupted_says_how_to_go_on(folder: CampaignFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(embed, "embed", interrupt)
    result = CliRunner().invoke(app, ["embed", str(folder.root), "--model", "basic"])
    assert result.exit_code == 130
    assert "Nothing is lost: repeat the command to go on." in result.stderr


def test_bad_input_is_an_error_of_ours(folder: CampaignFolder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no model 'dino'"):
        run("embed", folder.root, "--model", "dino")
    with pytest.raises(DataError, match="askless init"):
        run("embed", tmp_path / "none", "--model", "basic")
    with pytest.raises(DataError, match=r"none\.npy cannot be read"):
        run("embed", folder.root, "--model", tmp_path / "none.npy")


def test_models_are_listed_with_their_cost() -> None:
    out, _ = run("models", "list")
    for model in MODELS.values():
        assert model.name in out
        assert model.licence in out
    listed = json.loads(run("models", "list", "--json")[0])["models"]
    assert [row["name"] for row in listed] == list(MODELS)
    assert all(row["images_per_second"] > 0 and not row["is_measured"] for row in listed)
    assert [row["name"] for row in listed if row["has_text"]] == ["clip-b32", "siglip2-b"]


def test_measured_is_what_can_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_some(name: str) -> Encoder:
        if name == "basic":
            return MeanColour()
        raise DataError("no network")

    monkeypatch.setattr(models, "open_encoder", open_some)
    out, err = run("models", "list", "--measure", "--json")
    measured = {row["name"]: row["is_measured"] for row in json.loads(out)["models"]}
    assert measured.pop("basic")
    assert not any(measured.values())
    failed = [model.name for model in MODELS.values() if model.can_run and model.name != "basic"]
    assert [name for name in MODELS if f"{name} is not measured: no network" in err] == failed


@pytest.mark.parametrize(("seconds", "text"), [(3, "3 s"), (89.4, "89 s"), (600, "10 min"), (36000, "10.0 h")])
def test_durations_are_short(seconds: float, text: str) -> None:
    assert models._duration(seconds) == text


def test_lines_of_progress_say_how_long_it_will_take(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 1.0, 10.0, 11.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    lines: list[str] = []
    monkeypatch.setattr(progress, "note", lines.append)
    with progress.display_progress("Embedding") as tell:
        for n_done in (100, 300, 320):
            tell(n_done, 1300)
    assert lines == ["Embedding: 300 of 1300, 20 a second, 0:00:50 left"]
