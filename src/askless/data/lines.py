"""Text files with one thing per line."""

from pathlib import Path

from askless.errors import DataError


def read_lines(path: Path) -> tuple[str, ...]:
    """The lines of a file in UTF-8, without surrounding blanks and without empty lines.

    Raises:
        DataError: no such file, or another encoding.
    """
    try:
        return tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} cannot be read ({error}); save it as text in UTF-8.") from error
