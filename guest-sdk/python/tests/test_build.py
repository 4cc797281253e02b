"""What the build command refuses and says. That it builds is shown by the conformance guest and the examples."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from weir import build

_FAKE = """#!/bin/sh
if [ "$1" = --version ]; then echo "componentize-py {version}"; exit 0; fi
{rest}
"""
_GOOD = 'from weir import action\n\n\n@action("input")\ndef count(event, ctx): ...\n'


class BuildTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.source = self.folder / "app.py"
        self.source.write_text(_GOOD)

    def refused(self, why: str, source: Path | None = None) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.at_home():
            self.assertEqual(build.main([str(source or self.source)]), 1)
        self.assertRegex(said.getvalue(), why)
        self.assertEqual(len(said.getvalue().splitlines()), 1, said.getvalue())
        self.assertFalse((self.folder / "app.wasm").exists())

    @contextlib.contextmanager
    def at_home(self) -> Iterator[None]:
        """Where no other componentize-py is found than the test's."""
        before, path, python = os.getcwd(), os.environ["PATH"], sys.executable
        os.chdir(self.folder)
        os.environ["PATH"] = "/usr/bin:/bin"
        sys.executable = str(self.folder / "bin" / "python")
        try:
            yield
        finally:
            os.chdir(before)
            os.environ["PATH"], sys.executable = path, python

    def fake(self, version: str = build.COMPONENTIZE_PY, rest: str = "exit 1") -> None:
        program = self.folder / ".venv" / "bin" / "componentize-py"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(_FAKE.format(version=version, rest=rest))
        program.chmod(0o755)

    def test_async_action_is_refused_by_name_before_anything_is_built(self) -> None:
        for decorator in ('@action("input")', '@weir.action("input")'):
            self.source.write_text(_GOOD + f"\n\n{decorator}\nasync def page(event, ctx): ...\n")
            self.refused(r"app\.py:9: action `page` is an async function: write `def`")

    def test_async_helper_is_none_of_its_business(self) -> None:
        self.source.write_text(_GOOD + "\nasync def helper(): ...\n")
        self.refused("componentize-py .* is missing")

    def test_file_that_can_not_be_imported_is_refused(self) -> None:
        self.refused("there is no file", self.folder / "none.py")
        for name, why in (("my-app.py", "name it with letters"), ("app.txt", r"\.py at its end"), ("weir.py", "hide")):
            path = self.folder / name
            path.write_text(_GOOD)
            self.refused(why, path)

    def test_missing_tool_says_what_to_install(self) -> None:
        self.refused(
            r"componentize-py 0\.25\.1 is missing: python3 -m venv \.venv && \.venv/bin/pip install componentize-py=="
        )

    def test_tool_of_another_version_is_not_taken(self) -> None:
        self.fake("0.1.0")
        self.refused(r"not fit \(.*/\.venv/bin/componentize-py is 0\.1\.0\): .*pip install")

    def test_tool_on_the_path_is_found(self) -> None:
        self.fake()
        with self.at_home():
            os.rename(self.folder / ".venv", self.folder / "elsewhere")
            os.environ["PATH"] += f":{self.folder / 'elsewhere/bin'}"
            self.assertEqual(build.find_componentize(self.folder), [str(self.folder / "elsewhere/bin/componentize-py")])

    def test_mistake_in_the_users_module_is_told_with_its_place_alone(self) -> None:
        said = """Traceback (most recent call last):
  File "/0/weir_entry.py", line 2, in <module>
    _component.load('app')
  File "/python/importlib/__init__.py", line 88, in import_module
  File "/1/app.py", line 7, in <module>
    x = {}["k"]
KeyError: 'k'

Caused by:
    KeyError: 'k'

Stack backtrace:
   0: <anyhow::Error>::msg"""
        self.fake(rest=f"cat >&2 <<'END'\n{said}\nEND\nexit 1")
        self.refused(r"^error: app\.py:7: KeyError: 'k'$")

    def test_component_is_put_where_it_is_wanted_and_stays_if_the_next_build_fails(self) -> None:
        self.fake(rest='for last; do :; done; echo made > "$last"')
        with self.at_home():
            self.assertEqual(build.main(["app.py", "-o", "out/made.wasm"]), 0)
            self.fake(rest="exit 1")
            with contextlib.redirect_stderr(io.StringIO()):
                self.assertEqual(build.main(["app.py", "-o", "out/made.wasm"]), 1)
        self.assertEqual((self.folder / "out/made.wasm").read_text(), "made\n")

    def test_command_line_is_the_modules(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(Path(build.__file__).parents[1])}
        command = [sys.executable, "-m", "weir", "build", "none.py"]
        ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=self.folder)
        self.assertEqual((ended.returncode, ended.stderr.startswith("error: there is no file none.py")), (1, True))


if __name__ == "__main__":
    unittest.main()
