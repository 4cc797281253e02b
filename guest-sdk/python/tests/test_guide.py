"""What people copy: the guide's code, and the examples in Python with their unit tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

_SDK = Path(__file__).resolve().parents[1]
_ROOT = _SDK.parents[1]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def run_tests_in(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the unit tests of a folder, as its author would."""
    environment = {**os.environ, "PYTHONPATH": str(_SDK / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "unittest"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


class GuideTest(unittest.TestCase):
    def check(self, folder: Path) -> None:
        ended = run_tests_in(folder)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        ran = re.search(r"^Ran (\d+) test", ended.stderr, re.MULTILINE)
        self.assertGreater(int(ran[1]) if ran else 0, 0, "there are tests")

    def test_first_action_of_the_guide_passes_the_tests_of_the_guide(self) -> None:
        blocks = _BLOCK.findall((_SDK / "README.md").read_text())
        [tests] = [block for block in blocks if "unittest" in block]
        self.assertLess(len(blocks[0].splitlines()), 20, "a first action is short")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "app.py").write_text(blocks[0])
            Path(folder, "test_app.py").write_text(tests)
            self.check(Path(folder))

    def test_code_of_the_guide_is_python(self) -> None:
        for block in _BLOCK.findall((_SDK / "README.md").read_text()):
            compile(block, "README.md", "exec")

    def test_examples_pass_their_own_tests(self) -> None:
        folders = [path.parent for path in _ROOT.glob("examples/*/python/test_*.py")]
        self.assertGreaterEqual(len(folders), 2)
        for folder in folders:
            with self.subTest(folder.parent.name):
                self.check(folder)


if __name__ == "__main__":
    unittest.main()
