"""Checksums of files, and the record of one beside its file."""

import hashlib
from pathlib import Path


def compute(path: Path, kind: str = "sha256") -> str:
    """The checksum of a file as `kind:hexadecimal digits`.

    Args:
        path: of the file.
        kind: "sha256", or "git-blob": the name that git gives to a file of this content (SHA-1 over "blob", the
            number of bytes, a zero byte and the content), which a commit fixes even if nobody published a checksum.
    """
    with path.open("rb") as file:
        if kind == "git-blob":
            header = b"blob %d\0" % path.stat().st_size
            return f"{kind}:{hashlib.file_digest(file, lambda: hashlib.sha1(header)).hexdigest()}"
        return f"{kind}:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def kind_of(checksum: str) -> str:
    return checksum.partition(":")[0]


def record_path(path: Path) -> Path:
    """Where the checksum of a file is recorded: beside it, as `sha256sum --check` reads it."""
    return path.with_name(path.name + ".sha256")


def read_record(path: Path) -> str | None:
    """The recorded checksum of a file, if there is one."""
    try:
        words = record_path(path).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return None
    return f"sha256:{words[0]}" if words else None


def write_record(path: Path, checksum: str) -> None:
    """Records a SHA-256 of the file that is, or is about to be, at `path`."""
    new = path.with_name(path.name + ".sha256.new")
    new.write_text(f"{checksum.removeprefix('sha256:')}  {path.name}\n", encoding="utf-8")
    new.replace(record_path(path))
