"""askless init and add as people type them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from test_cli import Askless, Outcome, askless  # noqa: F401

from askless.cli import intake as intake_module
from askless.cli import progress as progress_module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(["a/1.jpg", "a/2.jpg", "b/3.jpg"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20), (number * 80, 0, 0)).save(folder / name)
    (folder / "bad.jpg").write_text("no image")
    return folder
