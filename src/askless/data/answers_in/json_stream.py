"""A long JSON array read one element at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from askless.errors import DataError

CHARACTERS_PER_READ = 1 << 16
END_OF_ELEMENT = tuple(",] \t\r\n")
MAX_CHARACTERS = 1 << 26
"""Of one element: 64 million."""


def read_array(path: Path) -> Iterator[Any]:
    """The elements of the array that a file holds.

    Raises:
        DataError: the file cannot be read, or is no JSON array in UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            yield from _elements(_Text(file))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON array in UTF-8 ({error}); export it again.") from error


def _elements(text: "_Text") -> Iterator[Any]:
    text.take("[")
    if text.peek() != "]":
        yield text.decode()
        while text.peek() != "]":
            text.take(",")
            yield text.decode()
    text.take("]")
    if text.peek():
        raise ValueError(f"{text.peek()!r} follows its end")


class _Text:
    """The part of a file that is at hand, and a place in it."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._decode = json.JSONDecoder().raw_decode
        self._text = ""
        self._position = 0

    def peek(self) -> str:
        """The next character that is no white space; empty at the end of the file."""
        while True:
            while self._position < len(self._text):
                if self._text[self._position] not in " \t\r\n":
                    return self._text[self._position]
                self._position += 1
            if not self._read():
                return ""

    def take(self, wanted: str) -> None:
        if (came := self.peek()) != wanted:
            raise ValueError(f"{came or 'the end'!r} where {wanted!r} belongs")
        self._position += 1

    def decode(self) -> Any:
        """The element that begins here; more of the file is read until it is whole.

        A number may go on behind what looks like its end, so only what may follow an element ends one.
        """
        self.peek()
        while True:
            try:
                element, end = self._decode(self._text, self._position)
                if self._text[end : end + 1] in END_OF_ELEMENT:
                    self._position = end
                    return element
                problem = ValueError("an element does not end")
            except ValueError as error:
                problem = error
            if len(self._text) - self._position > MAX_CHARACTERS or not self._read():
                raise problem

    def _read(self) -> bool:
        """Whether there was more. As much as is left is read, so that a long element is decoded a few times only."""
        rest = self._text[self._position :]
        more = self._file.read(max(CHARACTERS_PER_READ, len(rest)))
        self._text, self._position = rest + more, 0
        return bool(more)
