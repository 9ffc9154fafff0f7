"""Exports a small campaign in every format and reads it with the libraries that the formats are for.

    python tests/interop/run.py [ENVIRONMENT]

ENVIRONMENT is a virtual environment that is made, with the libraries of `LIBRARIES` (about 2.3 GB), unless it is there.
Not part of `make test`, because it needs a network.
"""

import subprocess
import sys
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1]))

from askless.cli import app
from askless.data.labels_out.formats import FORMATS
from small_folder import answer_some, make_folder

LIBRARIES = (
    "crowd-kit==1.4.2",
    "cleanlab==2.9.0",
    "datasets==5.2.0",
    "fiftyone==1.22.1",
    "label-studio-sdk==2.1.2",
)


def main() -> None:
    environment = Path(sys.argv[1] if len(sys.argv) > 1 else ".venv-interop")
    python = environment / "bin" / "python"
    if not python.exists():
        venv.create(environment, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *LIBRARIES, "pillow"], check=True)
    with TemporaryDirectory() as folder:
        campaign = make_folder(Path(folder) / "birds", settings="learner.max_epochs = 20\n")
        answer_some(campaign)
        for form in FORMATS:
            app(["export", str(campaign), "--format", form], standalone_mode=False)
        subprocess.run([python, Path(__file__).with_name("check.py"), campaign / "exports"], check=True)


if __name__ == "__main__":
    main()
