"""Reports on small made-up run folders: what is on the page, that it is whole, safe and always the same."""

import base64
import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from askless.errors import DataError
from askless.report import write_report
from askless.report.reliability import measure_reliability
from askless.report.run import read_runs
from askless.report.thumbnail import make_thumbnail

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "img", "br", "hr", "input", "link"}
FILES = ("config.toml", "summary.json", "metrics.csv", "labels.csv", "evaluation.npz", "riskiest.json")
COLUMNS = (
    "round",
    "annotations_per_item",
    "finished_share",
    "posterior_all_top1",
    "posterior_all_ece",
    "machine_all_top1",
    "machine_all_ece",
)


def make_run(
    folder: Path,
    *,
    K: int = 3,
    seed: int = 0,
    max_risk: float = 0.1,
    has_machine: bool = True,
    names: Sequence[str] | None = None,
    item: str = "cat-1",
    image: str | None = None,
    **summary: Any,
) -> Path:
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    E, J = 60, 4
    classes = list(names or (f"class {k}" for k in range(K)))
    truth = rng.integers(K, size=E)
    posterior = rng.dirichlet(np.ones(K), E).astype(np.float32)
    confusion = rng.dirichlet(np.ones(K), K)
    (folder / "config.toml").write_text(
        f'max_risk = {max_risk}\nseed = {seed}\n[crowd]\nn_annotators = {J}\nkind = "uniform"\n'
    )
    (folder / "summary.json").write_text(
        json.dumps(
            {
                "method": "lean",
                "dataset": "birds",
                "simulation": "uniform",
                "seed": seed,
                "n_items": E,
                "n_classes": K,
                "n_annotators": J,
                "n_annotations": 90,
                "annotations_per_item": 1.5,
                "accuracy": 0.875 + seed / 100,
                "finished_share": 0.5,
                "finished_accuracy": 0.96,
                "ece": 0.031,
                "seconds": 75.0,
                "stopped_because": "budget",
                "reached": {"0.80": 0.25, "0.85": 0.75 - seed / 10, "0.90": None, "0.95": None},
                "versions": {"askless": "0.1.0"},
            }
            | summary
        )
    )
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for i in range(4):
            row = {
                "round": i,
                "annotations_per_item": i / 2,
                "finished_share": i / 6,
                "posterior_all_top1": 0.6 + i / 11,
            }
            if i:
                row["posterior_all_ece"] = 0.1 / i
            if i and has_machine:
                row["machine_all_top1"] = 0.5 + i / 11
            writer.writerow(row)
    (folder / "labels.csv").write_text(
        f"item,label,probability,annotations,status\ncat-0,{classes[0]},0.9,1,confident\ncat-1,{classes[0]},0.5,3,exhausted\n"
    )
    np.savez(
        folder / "evaluation.npz",
        **{"machine": posterior} if has_machine else {},
        classes=np.array(classes),
        truth=truth,
        posterior=posterior,
        n_annotations=rng.integers(3, size=E),
        annotator=np.array([f"person {j}" for j in range(J)]),
        annotator_count=np.array([0, 1, 40, 49]),
        skill_true=np.array([0.5, 0.6, 0.7, np.nan]),
        skill_estimated=np.array([0.6, 0.6, 0.9, 0.8]),
        confusion_true=confusion,
        confusion_estimated=confusion[::-1],
    )
    (folder / "riskiest.json").write_text(
        json.dumps(
            [
                {
                    "item": item,
                    "image": image,
                    "truth": classes[0],
                    "label": label,
                    "probability": 0.41,
                    "annotations": 3,
                    "votes": {classes[0]: 1, classes[1]: 2},
                }
                for label in classes[:2]
            ]
        )
    )
    return folder


class Page(HTMLParser):
    """Walks a page: every tag is closed in order, no id is there twice; collects text, tags and references."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), tag
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def report(*folders: Path) -> tuple[str, Page]:
    html = write_report(folders, folders[0].parent / "report.html").read_text(encoding="utf-8")
    return html, Page(html)


@pytest.fixture(scope="module", params=[1, 3])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Page]:
    """A page of one run, and one of several that differ in more than the seed."""
    root = tmp_path_factory.mktemp("runs")
    risks = (0.1, 0.2, 0.3)[: request.param]
    return report(*(make_run(root / str(i), seed=i, max_risk=risk, image=uri(png())) for i, risk in enumerate(risks)))


def png(size: tuple[int, int] = (8, 8), mode: str = "L", form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, form, **options)
    return buffer.getvalue()


def uri(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()


def decoded(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def test_one_run_tells_its_numbers_in_plain_words(tmp_path: Path) -> None:
    _, page = report(make_run(tmp_path / "a", n_prototypes=30))
    for words in ("lean on birds", "87.5%", "1.50", "96.0%", "3.1%", "1.2 min", "90% or more was the aim"):
        assert words in page.text
    assert "stopped because the budget of annotations was spent" in page.text
    assert "30 images were known in advance" in page.text
    assert "✗ wrong" in page.text
    assert "✓ right" in page.text
    assert "crowd.n_annotators" in page.text
    assert "1 stay unsure" in page.text
    for words in ("gold questions", "distractors"):
        assert words not in page.text


@pytest.mark.parametrize(
    ("stopped", "words"),
    [
        ("promise_kept", "It stopped because audits had shown that the promise is kept."),
        ("cannot_be_reached", "It stopped because no audit that is allowed could show the accuracy"),
    ],
)
def test_a_promise_is_told_in_words(tmp_path: Path, stopped: str, words: str) -> None:
    folder = make_run(tmp_path / "run", stopped_because=stopped, n_audited=42, accuracy_low=0.951, accuracy_high=1.0)
    with (folder / "config.toml").open("a") as file:
        file.write("[promise]\ntarget_accuracy = 0.95\n")
    page = write_report([folder], tmp_path / "report.html").read_text(encoding="utf-8")
    assert words in page
    assert "42 of the annotations were answers of auditors." in page
    assert "95.0% was the aim, and audits showed 95.1% or more" in page
    assert stopped not in page
    assert "90% or more" not in page


def test_gold_and_distractors_are_told_where_there_are_any(tmp_path: Path) -> None:
    shares = {"accuracy_wanted": 0.912, "other_recall": 0.834, "other_precision": None}
    _, page = report(make_run(tmp_path / "a", n_gold=60, **shares))
    assert "60 of the annotations were answers to gold questions" in page.text
    for words in ("Accuracy without distractors", "91.2%", "83.4% of the distractors were found"):
        assert words in page.text


def test_page_needs_nothing_but_itself(written: tuple[str, Page]) -> None:
    html, page = written
    assert "http:" not in html
    assert "https:" not in html
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert "@import" not in html
    references = page.attributes("src") + page.attributes("href") + page.attributes("xlink:href")
    assert all(reference.startswith(("data:", "#")) for reference in references)


def test_ids_are_unique_and_every_reference_is_met(written: tuple[str, Page]) -> None:
    html, page = written
    ids = Counter(page.attributes("id"))
    assert max(ids.values()) == 1
    targets = [href for href in page.attributes("href") if href.startswith("#")]
    targets += [clip.removeprefix("url(").removesuffix(")") for clip in page.attributes("clip-path")]
    assert targets
    assert {target.removeprefix("#") for target in targets} <= ids.keys()
    assert html.count("url(#") == len(page.attributes("clip-path"))


def test_figures_and_tables_can_be_read_without_seeing(written: tuple[str, Page]) -> None:
    _, page = written
    drawings = [attributes for tag, attributes in page.tags if tag == "svg" and "aria-hidden" not in attributes]
    assert all(drawing["role"] == "img" and "%" in (drawing["aria-label"] or "") for drawing in drawings)
    tags = Counter(tag for tag, _ in page.tags)
    assert tags["table"] == tags["caption"] > 0
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")


def test_same_folders_give_the_same_bytes(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / str(i), seed=i, image=uri(png())) for i in range(2)]
    first = write_report(folders, tmp_path / "1.html").read_bytes()
    assert write_report(folders, tmp_path / "2.html").read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "1.html", "2.html"]


@pytest.mark.parametrize("n_runs", [1, 2])
def test_hostile_names_stay_text(tmp_path: Path, n_runs: int) -> None:
    names = [HOSTILE, 'a" onload="x()', "$\\frac{$"]
    folders = [
        make_run(tmp_path / str(i), seed=i, names=names, item=HOSTILE, dataset=HOSTILE, stopped_because=HOSTILE)
        for i in range(n_runs)
    ]
    html, page = report(*folders)
    assert "<script" not in html
    assert HOSTILE in page.text
    assert not page.attributes("onload")


def test_names_that_xml_or_fonts_cannot_hold(tmp_path: Path) -> None:
    _, page = report(make_run(tmp_path / "a", K=2, names=["\N{CJK UNIFIED IDEOGRAPH-732B}", "a\x01b"], method="\ud800"))
    assert "\N{CJK UNIFIED IDEOGRAPH-732B}" in page.text
    assert "a\N{REPLACEMENT CHARACTER}b" in page.text


@pytest.mark.parametrize("K", [2, 25, 300])
def test_few_and_many_classes(tmp_path: Path, K: int) -> None:
    html, page = report(make_run(tmp_path / "a", K=K))
    assert len(html) < 500_000
    assert ("each cell stands for 2 neighbouring classes" in page.text) == (K == 300)
    assert page.text.count(f"class {K - 1}") > 0 or K > 25
    assert sum(tag == "image" for tag, _ in page.tags) == 3


def test_without_machine_it_is_not_mentioned(tmp_path: Path) -> None:
    _, page = report(make_run(tmp_path / "a", has_machine=False))
    assert "machine alone" not in page.text + " ".join(page.attributes("aria-label"))


def test_what_audits_have_shown_is_drawn_where_there_is_a_promise(tmp_path: Path) -> None:
    plain, promised = make_run(tmp_path / "a"), make_run(tmp_path / "b")
    lines = (promised / "metrics.csv").read_text().splitlines()
    bounds = ["accuracy_low,accuracy_high", "0.0,1.0", "0.0,1.0", "0.9,1.0", "0.951,0.993"]
    (promised / "metrics.csv").write_text("\n".join(",".join(row) for row in zip(lines, bounds, strict=True)) + "\n")
    with_promise, page = report(promised)
    assert "audits have shown at least 95.1" in " ".join(page.attributes("aria-label"))
    assert "shown by audits" in with_promise
    without, page = report(plain)
    assert "audits" not in without + " ".join(page.attributes("aria-label"))


def test_numbers_that_are_missing_show_as_dashes(tmp_path: Path) -> None:
    none = dict.fromkeys(("accuracy", "annotations_per_item", "finished_accuracy", "ece", "seconds", "reached"))
    folder = make_run(tmp_path / "a", **none, stopped_because=None, versions=None)
    (folder / "metrics.csv").write_text(",".join(COLUMNS) + "\n" + "," * (len(COLUMNS) - 1) + "\n")
    _, page = report(folder)
    assert "no image was finished" in page.text
    assert "nan" not in page.text.lower().split()
    report(folder, make_run(tmp_path / "b"))


def test_several_runs_are_compared_and_the_best_marked(tmp_path: Path) -> None:
    _, page = report(*(make_run(tmp_path / str(seed), seed=seed, max_risk=seed / 10) for seed in (1, 2, 3)))
    for words in ("3 labelling runs compared", "seed 1", "to reach 80%", "to reach 95%", "★ 90.5%", "★ 0.45"):
        assert words in page.text
    assert "★ 0.25" not in page.text, "all are equal"
    assert "★ \N{EN DASH}" not in page.text


@pytest.mark.parametrize(
    ("summaries", "expected"),
    [
        ([{}], ["lean"]),
        ([{"method": "a"}, {"method": "b"}], ["a", "b"]),
        ([{"method": "a", "dataset": "x"}, {"method": "b", "dataset": "y"}], ["a · x", "b · y"]),
        ([{"seed": 1}, {"seed": 2}], ["seed 1", "seed 2"]),
        ([{}, {}, {"method": "b"}], ["lean · run 0", "lean · run 1", "b"]),
    ],
)
def test_runs_are_named_by_what_differs(tmp_path: Path, summaries: list[dict[str, Any]], expected: list[str]) -> None:
    folders = []
    for i, summary in enumerate(summaries):
        folder = make_run(tmp_path / f"run {i}")
        content = json.loads((folder / "summary.json").read_text())
        (folder / "summary.json").write_text(json.dumps(content | summary))
        folders.append(folder)
    assert [run.name for run in read_runs(folders)] == expected


def test_equal_folder_names_are_told_apart(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / parent / "run") for parent in ("x", "y")]
    assert [run.name for run in read_runs(folders)] == ["lean · run · 1", "lean · run · 2"]


@pytest.mark.parametrize("name", FILES)
def test_incomplete_folder_says_what_to_do(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path / "a")
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"lacks {name}; run `askless simulate` to its end, or resume it\.$"):
        write_report([folder], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", FILES)
def test_broken_file_says_what_to_do(tmp_path: Path, name: str) -> None:
    folder = make_run(tmp_path / "a")
    (folder / name).write_bytes(b'\xff{"broken')
    with pytest.raises(DataError, match=rf"{name} .*; run `askless simulate` to its end, or resume it\.$"):
        write_report([folder], tmp_path / "report.html")


def test_cut_off_archive_is_refused(tmp_path: Path) -> None:
    file = make_run(tmp_path / "a") / "evaluation.npz"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"evaluation\.npz cannot be read"):
        write_report([tmp_path / "a"], tmp_path / "report.html")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("metrics.csv", ",".join(COLUMNS) + "\n", "it holds no round"),
        ("metrics.csv", "", "it holds no round"),
        ("metrics.csv", "round\n0\n", "lacks 'annotations_per_item'"),
        ("metrics.csv", ",".join(COLUMNS) + "\n1,2\n", "row 1 has a wrong number of cells"),
        ("labels.csv", "item\na\n", "lacks 'status'"),
        ("summary.json", "[]", "not one JSON object"),
        ("riskiest.json", '[{"item": "a"}]', "lacks 'image'"),
        ("riskiest.json", "[3]", "cannot be read"),
        ("riskiest.json", "{", "cannot be read"),
    ],
)
def test_wrong_content_is_named(tmp_path: Path, name: str, content: str, reason: str) -> None:
    folder = make_run(tmp_path / "a")
    (folder / name).write_text(content)
    with pytest.raises(DataError, match=reason):
        write_report([folder], tmp_path / "report.html")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("posterior", np.ones((3, 2)), "posterior has shape"),
        ("machine", np.ones((3, 2)), "machine has shape"),
        ("truth", np.full(60, 9), "truth holds a class outside 0 to 2"),
        ("classes", np.array([{}], dtype=object), "cannot be read"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, key: str, value: Any, reason: str) -> None:
    file = make_run(tmp_path / "a") / "evaluation.npz"
    with np.load(file) as arrays:
        content = dict(arrays)
    np.savez(file, **content | {key: value})
    with pytest.raises(DataError, match=reason):
        write_report([tmp_path / "a"], tmp_path / "report.html")


def test_missing_folder_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no run folder"):
        write_report([tmp_path / "nowhere"], tmp_path / "report.html")
    with pytest.raises(DataError, match="name at least one run folder"):
        write_report([], tmp_path / "report.html")


def test_page_that_cannot_be_written(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "a")
    with pytest.raises(DataError, match="choose a file you may write"):
        write_report([folder], folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]


def test_page_goes_to_a_new_folder(tmp_path: Path) -> None:
    assert write_report([make_run(tmp_path / "a")], tmp_path / "new" / "report.html").is_file()


@pytest.mark.parametrize(
    "image",
    [
        None,
        "",
        "gone.png",
        "https://example.org/a.png",
        "broken.png",
        ".",
        "\0",
        "data:image/png;base64,AAAA",
        "data:text/html,hello",
        "data:",
    ],
)
def test_unreadable_image_is_no_picture(tmp_path: Path, image: str | None) -> None:
    (tmp_path / "broken.png").write_bytes(png((30, 30))[:50])
    assert make_thumbnail(image, tmp_path) is None


def test_box_stands_for_a_picture_that_is_missing(tmp_path: Path) -> None:
    html, page = report(make_run(tmp_path / "a", image="https://example.org/a.png"))
    assert "img" not in {tag for tag, _ in page.tags}
    assert "No picture of cat-1" in page.attributes("aria-label")
    assert "example.org" not in html


def test_picture_is_small_upright_and_bare(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a secret"
    (tmp_path / "photo.jpg").write_bytes(png((400, 200), "RGB", "JPEG", exif=exif, comment=b"a secret"))
    source, is_pixel_art = make_thumbnail("photo.jpg", tmp_path) or ("", True)
    assert source.startswith("data:image/jpeg;base64,")
    assert not is_pixel_art
    assert decoded(source).size == (80, 160)
    assert not decoded(source).getexif()
    assert b"secret" not in base64.b64decode(source.partition(",")[2])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16", "I", "F", "RGBA", "LA"])
def test_every_kind_of_picture_is_shown(tmp_path: Path, mode: str) -> None:
    form = "TIFF" if mode in ("CMYK", "I", "F") else "PNG"
    source, is_pixel_art = make_thumbnail(uri(png((8, 8), mode, form)), tmp_path) or ("", False)
    assert is_pixel_art
    assert decoded(source).size == (8, 8)
    assert decoded(source).mode == (
        "RGBA" if mode in ("RGBA", "LA") else "RGB" if mode in ("P", "RGB", "CMYK") else "L"
    )


def test_pixel_art_is_drawn_with_sharp_edges(written: tuple[str, Page]) -> None:
    assert {attributes.get("class") for tag, attributes in written[1].tags if tag == "img"} == {"pixels"}


def test_reliability_bins_are_closed_above() -> None:
    posterior = np.array([[0.5, 0.5], [0.6, 0.4], [0.61, 0.39], [0.0, 1.0]], dtype=np.float32)
    bins = measure_reliability(posterior, np.array([0, 1, 0, 1]))
    assert bins.count.tolist() == [0, 0, 0, 0, 1, 1, 1, 0, 0, 1]
    assert bins.accuracy[[4, 5, 6, 9]].tolist() == [1, 0, 1, 1]
    assert bins.ece == pytest.approx((0.5 + 0.6 + 0.39 + 0) / 4)
    low, high = bins.interval
    assert low[4] < 1
    assert high[5] > 0
