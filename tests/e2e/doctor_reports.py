"""Writes `doctor.json` again, from what the doctor prints now: `python -m tests.e2e.doctor_reports`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e.doctor_cases import CASES

HERE = Path(__file__).parent
EXPECTED = HERE / "doctor.json"
KINDS = ("coredns", "kube-dns")
WRITE = "WRITE_DOCTOR_REPORTS"


def main() -> None:
    """Run every case, and keep what was printed; the tests fail where that is new."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=no",
            "--require-coredns",
            str(HERE / "test_doctor_codes.py"),
        ]
        subprocess.run(command, env=os.environ | {WRITE: folder}, check=False)  # noqa: S603 - our own words
        EXPECTED.write_text(merged(Path(folder)), "utf-8")


def merged(folder: Path) -> str:
    """The reports in a folder, by case; what is the same for both kinds of server stands there once."""
    reports = {}
    for name in CASES:
        files = {kind: folder / f"{kind} {name}.json" for kind in KINDS}
        by_kind = {kind: json.loads(path.read_text("utf-8")) for kind, path in files.items() if path.exists()}
        is_same = len(by_kind) == len(KINDS) and len(set(map(json.dumps, by_kind.values()))) == 1
        reports[name] = {"both": by_kind[KINDS[0]]} if is_same else by_kind
    return json.dumps(reports, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    main()
