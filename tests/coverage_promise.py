"""Fails unless core/ and a campaign's files are covered as promised: all lines, 95 % of branches (`make test`)."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

LINES, BRANCHES = 100.0, 95.0
CAMPAIGN = (
    "answering",
    "auditing",
    "campaign",
    "estimates",
    "learners",
    "parts",
    "planning",
    "reading",
    "steering",
)
INCLUDED = ",".join(["src/askless/core/*", *(f"src/askless/{name}.py" for name in CAMPAIGN)])


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "coverage.json"
        subprocess.run(
            [sys.executable, "-m", "coverage", "json", "-q", f"--include={INCLUDED}", "-o", str(report)], check=True
        )
        totals = json.loads(report.read_text())["totals"]
    lines = 100 * totals["covered_lines"] / totals["num_statements"]
    branches = 100 * totals["covered_branches"] / totals["num_branches"]
    print(f"core/ and campaign: {lines:.1f} % of lines (promised {LINES}), {branches:.1f} % of branches ({BRANCHES})")
    return 0 if lines >= LINES and branches >= BRANCHES else 1


if __name__ == "__main__":
    sys.exit(main())
