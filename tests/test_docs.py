"""What README and docs show is true: code runs, commands work, links lead somewhere, settings exist."""

import json
import os
import re
import shlex
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from askless.cli import app
from askless.config import compose, describe_settings
from askless.data.campaign_features import read_features_info
from askless.data.catalogue import CATALOGUE
from askless.data.folder import CampaignFolder
from askless.embed.models import MODELS
from askless.paper_names import PAPER_KEYS
from askless.server.settings import PageSettings
from askless.store.log import has_log
from askless.workspace import open_campaign
from networks import NEEDS_TORCH
from picture_folder import coloured, make_folder
from served_campaign import make_campaign
from stores import Store
from worker_threads import work_in_threads

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "src/askless/core/README.md", *(ROOT / "docs").rglob("*.md")])


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def commands() -> list[list[str]]:
    lines = "\n".join(blocks("sh")).splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("askless ")]


def test_the_loop_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})
    lines = Path("labels.csv").read_text().splitlines()
    assert lines[0] == "item,label,probability,annotations,status"
    assert len(lines) == 1 + 1797
    assert not [line for line in lines if line.endswith(",open")]


def test_the_page_about_tables_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/explanation/aggregating-a-table.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    (code,) = blocks("python", page)
    exec(compile(code, "aggregating-a-table.md", "exec"), names)
    shown = re.findall(r"# (\{.*\})", code)
    assert [str(dict(zip(names["fitted"].items_, names["fitted"].labels_, strict=True)))] == shown

    Path("answers.csv").write_text(*blocks("csv"))
    Path("truth.csv").write_text("task,label\nx.jpg,cat\n")
    (command,) = blocks("sh", page)
    result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert {path.name for path in tmp_path.iterdir()} == {"answers.csv", "truth.csv", "labels.csv", "skills.csv"}


@pytest.mark.slow
def test_the_commands_about_crowds_run(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("cifar10h", "cifar10n", "cifar10s"):
        Path(name).symlink_to(shared / name)
    page = (ROOT / "docs/explanation/crowds.md").read_text(encoding="utf-8")
    shown = [shlex.split(line)[1:] for block in blocks("sh", page) for line in block.splitlines()]
    assert len(shown) == 5
    for arguments in shown:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, (arguments, result.output)


def test_the_commands_about_the_papers_code_run_at_a_small_size(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASKLESS_DATA", str(tmp_path))
    Path("amt").symlink_to(shared / "amt_imagenet100")
    page = (ROOT / "docs/explanation/from-the-papers-code.md").read_text(encoding="utf-8")
    shown = [line for line in "".join(blocks("", page)).splitlines() if line.startswith("askless ")]
    assert len(shown) == 3
    small = ["n_data_per_class=6", "n_prototypes_per_class=2", "learner.max_epochs=5", "n_dimensions=20"]
    for number, line in enumerate(shown):
        arguments = [*shlex.split(line)[1:], *small, "--out", f"runs/{number}"]
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, (arguments, result.output)


@pytest.mark.slow
def test_the_commands_about_promises_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/explanation/promise.md").read_text(encoding="utf-8")
    shown = [shlex.split(line)[1:] for block in blocks("(?:sh)?", page) for line in block.splitlines() if line]
    simulate, plan = (arguments for arguments in shown if arguments[0] in ("simulate", "plan"))
    small = ["n_data_per_class=40", "--out", "run"]
    assert CliRunner().invoke(app, [*simulate, *small], catch_exceptions=False).exit_code == 0
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["stopped_because"] in ("promise_kept", "cannot_be_reached")
    assert "auditor" in np.load("run/evaluation.npz")["annotator"]
    rng = np.random.default_rng(0)
    Path("my-images").mkdir()
    np.save("my-images/features.npy", rng.normal(size=(120, 4)).astype("f4"))
    plan[plan.index("--skill") + 1], plan[plan.index("--annotators") + 1] = "0.9", "10"
    small = ["--classes", "3", "--max-items", "60", "--prototypes", "2", "--machine-accuracy", "1", "--jobs", "1"]
    assert CliRunner().invoke(app, [*plan, *small], catch_exceptions=False).exit_code == 0
    assert Path("plan/report.html").is_file()


def end_serving_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Ctrl-C, as soon as the links are printed; at a port that nobody else has."""
    monkeypatch.setattr("askless.server.serve._listen", lambda host, port: socket.create_server((host, 0)))
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: os.kill(os.getpid(), signal.SIGINT))


def test_the_page_about_serving_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    end_serving_at_once(monkeypatch)
    Path("photos").mkdir()
    for number in range(4):
        Image.new("RGB", (32, 24), (60 * number, 0, 0)).save(f"photos/{number}.jpg")
    make_campaign(Path("birds"))
    with closing(open_campaign(Path("birds"))) as campaign:
        campaign.join(["bob"])
    page = (ROOT / "docs/howto/serve.md").read_text(encoding="utf-8")
    for command in "".join(blocks("sh", page)).splitlines():
        result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert result.exit_code == 0, (command, result.output)
    assert Path("photos-campaign/features.npy").exists()
    for setting in re.findall(r"`(\w+)`", page[page.index("Table `[page]`") : page.index("## What")]):
        assert setting in PageSettings.model_fields, setting


def test_every_command_on_a_page_is_run_by_a_test() -> None:
    """A new page with commands needs a test of its own, here or beside."""
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for page in PAGES:
        shown = re.findall(r"```(?:sh)?\n((?:.*\n)*?)```", page.read_text(encoding="utf-8"))
        if any(line.startswith("askless ") for block in shown for line in block.splitlines()):
            assert page.name == "README.md" or f"{page.parent.name}/{page.name}" in tests, page


def test_the_page_about_sweeps_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    work_in_threads(monkeypatch)
    page = (ROOT / "docs/explanation/sweeps.md").read_text(encoding="utf-8")
    for line in "".join(blocks("sh", page)).splitlines():
        result = CliRunner().invoke(app, shlex.split(line)[1:], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    assert {"sweep.toml", "report.html", "learner_method=ds_model,seed=0"} <= set(os.listdir("runs/sweep"))


def test_the_page_about_networks_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason=NEEDS_TORCH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    page = (ROOT / "docs/howto/your-own-network.md").read_text(encoding="utf-8")
    network, use = blocks("python", page)
    Path("my_network.py").write_text(network)
    _, command = blocks("sh", page)
    result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    exec(compile(use, "your-own-network.md", "exec"), {})
    assert Path("digits.db").exists()


def test_the_page_about_images_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(
        ("photos/a.jpg", "sorted-photos/finch/b.jpg", "sorted-photos/tit/c.jpg", "more-photos/d.jpg")
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24), (60 * number, 0, 0)).save(name)
    Path("table.csv").write_text("path,label,use\nphotos/a.jpg,Passer,gold\n")
    page = (ROOT / "docs/howto/images.md").read_text(encoding="utf-8")
    Path("classes.json").write_text(*blocks("json", page))
    for command in "".join(blocks("sh", page)).splitlines():
        result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    (code,) = blocks("python", page)
    exec(compile(code, "images.md", "exec"), {})
    assert CampaignFolder(Path("birds")).dataset().classes == ("sparrow", "finch", "tit", "other", "wren")
    assert len(CampaignFolder(Path("finches")).prototypes()) == 2
    assert CampaignFolder(Path("garden")).gold().label.tolist() == [0]


def test_the_page_about_postgresql_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for number in range(3):
        Image.new("RGB", (32, 24), (60 * number, 0, 0)).save(f"photos/{number}.jpg")
    page = (
        (ROOT / "docs/howto/postgres.md")
        .read_text(encoding="utf-8")
        .replace("postgresql://askless@127.0.0.1/askless", postgres)
    )
    shown = [line for line in "".join(blocks("sh", page)).splitlines() if line.startswith("askless init")]
    (code,) = blocks("python", page)
    places = [Store(f"{postgres}?schema=letters")]
    try:
        for command in shown:
            result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
            assert result.exit_code == 0, result.output
        places.append(Store(CampaignFolder(Path("birds")).store))
        open_campaign(Path("birds")).close()
        assert not Path("birds/log.db").exists()
        exec(compile(code, "postgres.md", "exec"), {})
        assert [has_log(store.place) for store in places] == [True, True]
    finally:
        for store in places:
            store.close()


@pytest.mark.slow
def test_the_page_about_features_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="needs askless[onnx]")
    from small_networks import mean_network

    monkeypatch.chdir(tmp_path)
    folder = make_folder(Path("birds"), coloured(9))
    Path("my-network.onnx").write_bytes(mean_network(("n", 3, "height", "width")))
    np.save("my-features.npy", np.eye(9, 4, dtype=np.float32))
    np.save("my-belief.npy", np.full((9, 2), 0.5))
    page = (ROOT / "docs/howto/features.md").read_text(encoding="utf-8")
    made = []
    for command in "".join(blocks("sh", page)).splitlines():
        result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        made.append(read_features_info(folder.features_info)["model"])
    assert made == ["efficientnet-lite0", "efficientnet-lite0", "basic", "my-network.onnx", "file"]
    assert folder.prior.exists()
    for name in MODELS:
        assert f"`{name}`" in page


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs/tutorial/a-folder-of-images.md").read_text(encoding="utf-8")
    (code,) = blocks("python", page)
    exec(compile(code, "a-folder-of-images.md", "exec"), {})
    for command in "".join(blocks("sh", page)).splitlines():
        result = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    labelled = Path("runs/written/exports/imagefolder")
    right = [path for path in labelled.glob("*/*.png") if path.parent.name == path.name.split("_")[0]]
    assert len(list(labelled.glob("*/*.png"))) == 1797
    assert len(right) > 0.9 * 1797


@pytest.mark.slow
def test_the_commands_of_the_readme_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("answers.csv").write_text(*blocks("csv"))
    Path("photos").mkdir()
    for number in range(4):
        Image.new("RGB", (32, 24), (60 * number, 0, 0)).save(f"photos/{number}.jpg")
    end_serving_at_once(monkeypatch)
    shown = [arguments for arguments in commands() if arguments[:2] != ["data", "get"]]  # that needs a network
    assert len(shown) >= 5
    for arguments in shown:
        result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        assert result.exit_code == 0, (arguments, result.output)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_make_help_names_what_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, flags=re.MULTILINE)) - {"help"}
    listed = re.search(r"`make help` lists the rest: (.*)\.", README)
    assert listed is not None
    assert set(re.findall(r"`(\w+)`", listed[1])) | {"demo", "test"} == targets


def test_settings_that_the_docs_name_exist() -> None:
    known = {key for key, *_ in describe_settings()} | set(PAPER_KEYS)
    groups = {key.split(".")[0] for key in known if "." in key}
    for page in PAGES:
        for key in re.findall(r"`((?:[a-z_]+\.)+[a-z_]+)=[^`]*`", page.read_text(encoding="utf-8")):
            assert key in known or key.split(".")[0] not in groups or key == "worker.known", (page.name, key)


def test_public_data_that_the_docs_fetch_exist() -> None:
    named = {name for page in PAGES for name in re.findall(r"askless data get (\w+)", page.read_text(encoding="utf-8"))}
    assert named == set(CATALOGUE)


def test_every_paper_key_is_on_the_page_about_the_papers_code() -> None:
    page = (ROOT / "docs/explanation/from-the-papers-code.md").read_text()
    for key in PAPER_KEYS:
        group = key.rsplit(".", 1)[0] + ".*"
        assert key in page or group in page, key


def test_worker_known_has_the_equal_that_the_docs_name() -> None:
    config = compose(["prior.kind=heterogeneous_perfect", "aggregator.max_em_steps=0"])
    assert config.aggregator.max_em_steps == 0
