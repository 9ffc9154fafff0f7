"""What other tools write is read row by row; whatever else comes, only declared errors."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from askless.data.answers_in import json_stream
from askless.data.answers_in.formats import READERS, guess_format, read_answers
from askless.data.answers_in.given import GivenAnswer, Unusable
from askless.data.answers_in.json_stream import read_array
from askless.errors import AsklessError, ConfigError, DataError

CROWD = "note,worker,task,label,response_ms\nx,ann,a.jpg,cat,1500\n\nx,bob,b.jpg,dog,\nx,eve,c.jpg,,1\nx,eve\n"

MTURK = """HITId,WorkerId,AssignmentStatus,WorkTimeInSeconds,Input.image_url,Input.title,Answer.choice,Answer.note
H1,ann,Approved,12,https://host/a.jpg,Cats,cat,
H2,bob,Rejected,-1,https://host/b.jpg,,"[{""category"":{""label"":""dog""},""cat"":{""on"":true,""off"":false}}]",hm
H3,eve,Submitted,,https://host/c.jpg,,,
H4,eve,Submitted,,https://host/c.jpg,,[no json,
"""
MTURK_RADIO = "HITId,WorkerId,Input.x,Answer.kind.cat,Answer.kind.dog\nH1,ann,a.jpg,true,false\n"

LABEL_STUDIO: list[Any] = [
    {
        "id": 7,
        "data": {"image": "/data/local-files/?d=a.jpg", "n": 3},
        "annotations": [
            {
                "completed_by": 4,
                "lead_time": 2.25,
                "result": [{"type": "choices", "from_name": "c", "value": {"choices": ["cat"]}}],
            },
            {"completed_by": 4, "was_cancelled": True, "result": []},
            {"completed_by": {"id": 1, "email": "e@x"}, "was_cancelled": True, "result": []},
            {"completed_by": 5, "was_cancelled": True, "result": []},
            {"completed_by": 5, "result": [{"type": "choices", "value": {"choices": ["dog"]}}]},
            {"completed_by": {"id": 1}, "result": [{"type": "choices", "value": {"choices": ["cat", "dog"]}}]},
            {"completed_by": 9, "ground_truth": True, "result": []},
        ],
    },
    {
        "data": {"item": "b", "image": "x"},
        "annotations": [
            {"result": [{"type": "choices", "value": {"choices": ["dog"]}, "meta": {"annotator": "ann"}}]},
            {"result": [{"type": "choices", "value": {"choices": ["dog"]}, "meta": {"annotator": 3}}]},
            {"result": [{"type": "choices", "value": None}, "?"]},
            "?",
        ],
    },
    {"image": "a.jpg", "choice": "cat"},
    "?",
]

MANIFEST = """{"source-ref": "s3://b/a.jpg", "job": 1, "job-metadata": {"class-name": "cat", "human-annotated": "yes"}}
{"source-ref": "s3://b/b.jpg", "job": 0, "job-metadata": {"class-name": "dog", "human-annotated": "no"}, "other": 3}

{"source-ref": "s3://b/c.jpg"}
{"source-ref": "s3://b/d.jpg", "job": 0, "job-metadata": {}}
{"source-ref": "s3://b/e.jpg", "askless": 0, "askless-metadata": {"class-name": "cat"}}
{"job": 0}
not json
"""


def read(path: Path, content: str, form: str | None = None) -> list[GivenAnswer | Unusable]:
    path.write_text(content, encoding="utf-8")
    return list(read_answers(path, form))


def test_crowd_table(tmp_path: Path) -> None:
    assert read(tmp_path / "x.csv", CROWD) == [
        GivenAnswer(1, "ann", ("a.jpg",), ("cat",), 1500),
        GivenAnswer(2, "bob", ("b.jpg",), ("dog",)),
        Unusable(3, "it has no label"),
        Unusable(4, "it has 2 fields, the header 5"),
    ]


def test_times_in_a_crowd_table_are_read_as_replay_reads_them(tmp_path: Path) -> None:
    lines = ["task,worker,label,rt_ms", *(f"a,{row},cat,{time}" for row, time in enumerate(["12.6", "", "-1", "nan"]))]
    answers = [answer for answer in read(tmp_path / "x.csv", "\n".join(lines)) if isinstance(answer, GivenAnswer)]
    assert [answer.response_ms for answer in answers] == [13, None, None, None]
    with pytest.raises(DataError, match="exactly one column 'response_ms' or 'rt_ms'"):
        read(tmp_path / "x.csv", "task,worker,label,rt_ms,response_ms\n")


def test_crowd_table_in_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"item": ["a", None], "annotator": [1, 2], "label": ["cat", "dog"], "response_ms": [5, None]})
    parquet.write_table(table, tmp_path / "x.parquet")
    assert list(read_answers(tmp_path / "x.parquet")) == [
        GivenAnswer(1, "1", ("a",), ("cat",), 5),
        GivenAnswer(2, "2", ("",), ("dog",)),
    ]
    (tmp_path / "y.parquet").write_text(CROWD)
    with pytest.raises(DataError, match="is not a Parquet file"):
        list(read_answers(tmp_path / "y.parquet"))
    with pytest.raises(DataError, match=r"z\.parquet cannot be read"):
        list(read_answers(tmp_path / "z.parquet"))


def test_mturk_results(tmp_path: Path) -> None:
    assert read(tmp_path / "x.csv", MTURK) == [
        GivenAnswer(1, "ann", ("https://host/a.jpg", "Cats"), ("cat",), 12_000),
        GivenAnswer(2, "bob", ("https://host/b.jpg",), ("dog", "on", "hm"), None, "rejected by the requester"),
        Unusable(3, "it has no answer"),
        GivenAnswer(4, "eve", ("https://host/c.jpg",), ("[no json",)),
    ]
    assert read(tmp_path / "y.csv", MTURK_RADIO) == [GivenAnswer(1, "ann", ("a.jpg",), ("kind", "cat"))]


def test_label_studio_export(tmp_path: Path) -> None:
    image = ("/data/local-files/?d=a.jpg",)
    assert read(tmp_path / "x.json", json.dumps(LABEL_STUDIO)) == [
        GivenAnswer(1, "4", image, ("cat",), 2250),
        GivenAnswer(1, "e@x", image, None),
        GivenAnswer(1, "5", image, ("dog",)),
        Unusable(1, "an annotation has 2 choices instead of one"),
        Unusable(1, "it is marked as ground truth; known labels belong to items.csv"),
        GivenAnswer(2, "ann", ("b",), ("dog",)),
        GivenAnswer(2, "", ("b",), ("dog",)),
        Unusable(2, "an annotation has 0 choices instead of one"),
        Unusable(2, "an annotation has no result"),
        Unusable(3, "it has no annotations; export as JSON, not JSON-MIN"),
        Unusable(4, "it has no annotations; export as JSON, not JSON-MIN"),
    ]


def test_sagemaker_manifest(tmp_path: Path) -> None:
    assert read(tmp_path / "output.manifest", MANIFEST) == [
        GivenAnswer(1, "job", ("s3://b/a.jpg",), ("cat",)),
        GivenAnswer(2, "job (automatic)", ("s3://b/b.jpg",), ("dog",)),
        Unusable(4, "it has no label"),
        Unusable(5, "job has no class-name"),
        Unusable(6, "askless found this label; what it rests on would count twice"),
        Unusable(7, "it is no JSON object with a source-ref"),
        Unusable(8, "it is no JSON object with a source-ref"),
    ]


def test_formats_are_known_by_name_and_header(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text(MTURK)
    (tmp_path / "bytes.csv").write_bytes(b"\xff")
    names = ["x.json", "x.jsonl", "x.manifest", "x.parquet", "m.csv", "bytes.csv", "missing.csv"]
    assert [guess_format(tmp_path / name) for name in names] == [
        "label_studio", "sagemaker", "sagemaker", "crowd_table", "mturk", "crowd_table", "crowd_table",
    ]  # fmt: skip
    assert read(tmp_path / "x.csv", MANIFEST.splitlines()[0], "sagemaker")
    with pytest.raises(ConfigError, match="no format 'coco'; allowed: crowd_table"):
        read_answers(tmp_path / "x.csv", "coco")


@pytest.mark.parametrize(
    ("form", "content", "message"),
    [
        ("crowd_table", "a,b\n", "exactly one column 'item' or 'task', but its columns are 'a', 'b'"),
        ("crowd_table", "", "but its columns are none"),
        ("crowd_table", "item,task,worker,label\n", "exactly one column 'item' or 'task'"),
        ("crowd_table", "item,item,worker,label\n", "the column 'item' twice"),
        ("mturk", "HITId,WorkerId\n", "some that begin with Input"),
        ("label_studio", "{}", "'{' where '\\[' belongs"),
        ("label_studio", "", "'the end' where"),
        ("label_studio", "[{}", "an element does not end"),
        ("label_studio", "[{},]", "no JSON array"),
        ("label_studio", "[{} {}]", "'{' where ',' belongs"),
        ("label_studio", "[]]", "'\\]' follows its end"),
        ("label_studio", "[1", "an element does not end"),
        ("label_studio", "[" * 100_000, "no JSON array"),
    ],
)
def test_what_is_no_such_file_is_one_sentence(tmp_path: Path, form: str, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path / "x", content, form)


@pytest.mark.parametrize("form", READERS)
def test_files_that_are_not_there_or_not_text(tmp_path: Path, form: str) -> None:
    with pytest.raises(DataError, match="missing cannot be read"):
        list(read_answers(tmp_path / "missing", form))
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00[")
    if form == "sagemaker":
        assert [type(answer) for answer in read_answers(tmp_path / "x", form)] == [Unusable]
    else:
        with pytest.raises(DataError, match="UTF-8"):
            list(read_answers(tmp_path / "x", form))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(elements=st.lists(JSON, max_size=6), indent=st.sampled_from([None, 0, 3]), step=st.integers(1, 40))
def test_a_stream_reads_what_json_reads_however_it_is_cut(
    elements: list[Any], indent: int | None, step: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "stream.json"
    text = json.dumps(elements, indent=indent)
    path.write_text(f" {text}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHARACTERS_PER_READ", step)
        assert json.dumps(list(read_array(path))) == json.dumps(elements)


def test_an_element_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "MAX_CHARACTERS", 1000)
    monkeypatch.setattr(json_stream, "CHARACTERS_PER_READ", 100)
    (tmp_path / "x").write_text('["' + "x" * 100_000)
    with pytest.raises(DataError, match="no JSON array"):
        list(read_array(tmp_path / "x"))


N_FILES = int(os.environ.get("ASKLESS_PARSER_FILES", "150"))
"""Made for each parser; 10000 take some minutes."""

KEYS = [
    "data", "annotations", "result", "type", "choices", "value", "meta", "annotator", "completed_by", "email", "id",
    "lead_time", "was_cancelled", "ground_truth", "item", "image", "source-ref", "job", "job-metadata", "class-name",
    "human-annotated",
]  # fmt: skip
WORDS = st.sampled_from(
    ["choices", "cat", "no", "job", "a.jpg", "true", '[{"a": true}]', "1e400", "-1", "nan", "\ud800"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=6)
NEAR_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=14,
)
COLUMNS = st.sampled_from([
    "item", "task", "worker", "annotator", "label", "response_ms", "HITId", "WorkerId", "AssignmentStatus",
    "WorkTimeInSeconds", "Input.x", "Answer.x", "Answer.cat", "",
])  # fmt: skip
CELLS = st.one_of(WORDS, st.text(max_size=6), st.integers().map(str))


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    needed = draw(st.sampled_from([["task", "worker", "label"], ["HITId", "WorkerId", "Input.x", "Answer.x"], []]))
    header = [*needed, *draw(st.lists(COLUMNS, max_size=3, unique=True))]
    lines = [header, *draw(st.lists(st.lists(CELLS, min_size=len(header), max_size=len(header)), max_size=4))]
    quote = draw(st.sampled_from(["", '"']))
    text = "\n".join(",".join(f"{quote}{cell}{quote}" for cell in line) for line in lines)
    return text.encode(errors="surrogatepass")


VALID_CHOICE = st.fixed_dictionaries(
    {"type": st.just("choices"), "value": st.fixed_dictionaries({"choices": st.lists(WORDS, min_size=1, max_size=1)})}
)
VALID_ANNOTATION = st.fixed_dictionaries(
    {"result": st.lists(VALID_CHOICE, min_size=1, max_size=1)}, optional={"completed_by": LEAVES, "lead_time": LEAVES}
)
VALID_LINE = st.fixed_dictionaries(
    {"source-ref": WORDS, "job": st.just(0), "job-metadata": st.fixed_dictionaries({"class-name": WORDS})}
)


def tasks() -> st.SearchStrategy[bytes]:
    choice = st.fixed_dictionaries({"type": st.just("choices"), "value": NEAR_JSON, "meta": NEAR_JSON})
    annotation = st.fixed_dictionaries(
        {"result": st.lists(choice | NEAR_JSON, max_size=2)},
        optional={"completed_by": NEAR_JSON, "was_cancelled": LEAVES, "ground_truth": LEAVES},
    )
    annotations = st.lists(VALID_ANNOTATION | annotation | NEAR_JSON, max_size=3)
    task = st.fixed_dictionaries({"data": NEAR_JSON, "annotations": annotations})
    return st.lists(task | NEAR_JSON, max_size=3).map(lambda value: json.dumps(value).encode())


def manifests() -> st.SearchStrategy[bytes]:
    line = st.fixed_dictionaries({"source-ref": LEAVES}, optional={"job": LEAVES, "job-metadata": NEAR_JSON})
    lines = st.lists(VALID_LINE | line | NEAR_JSON, max_size=4)
    return lines.map(lambda values: "\n".join(map(json.dumps, values)).encode())


def cut(content: bytes, where: float) -> bytes:
    return content[: int(len(content) * where)]


WHOLE_FILES = {"crowd_table": tables(), "mturk": tables(), "label_studio": tasks(), "sagemaker": manifests()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "valid"),
    [("crowd_table", CROWD), ("mturk", MTURK), ("label_studio", json.dumps(LABEL_STUDIO)), ("sagemaker", MANIFEST)],
)
def test_whatever_the_file_only_declared_errors(
    form: str, valid: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp(form) / "file"
    whole = WHOLE_FILES[form] | st.just(valid.encode())
    files = whole | st.builds(cut, whole, st.floats(0, 1)) | st.binary(max_size=60)
    errors = []

    @settings(max_examples=N_FILES)
    @example(content=valid.encode())
    @given(content=files)
    def read_file(content: bytes) -> None:
        path.write_bytes(content)
        try:
            for _ in checked(read_answers(path, form)):
                pass
        except AsklessError as error:
            errors.append(str(error))

    read_file()
    assert not [error for error in errors if "\n" in error]


def checked(answers: Iterator[GivenAnswer | Unusable]) -> Iterator[GivenAnswer | Unusable]:
    for answer in answers:
        assert answer.row >= 1
        if isinstance(answer, GivenAnswer):
            assert isinstance(answer.annotator, str)
            assert all(isinstance(name, str) for name in (*answer.items, *(answer.labels or ())))
            assert answer.response_ms is None or 0 <= answer.response_ms < 2**63
        yield answer
