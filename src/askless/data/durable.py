"""Files that are whole or as they were before, also after a kill or a power cut."""

import os
from pathlib import Path


def replace_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8 under another name, and renames it when it is on disk."""
    temporary = path.with_name(f"{path.name}.tmp")
    with temporary.open("w", newline="", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(temporary, path)
