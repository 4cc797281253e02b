"""Makes a component of a module with actions: `python -m weir build app.py -o app.wasm`."""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

COMPONENTIZE_PY = "0.25.1"
"""The version of componentize-py that this package is made for and tested with."""

_HERE = Path(__file__).resolve().parent
_ENTRY = "weir_entry"


class BuildError(Exception):
    """Why no component was made, for people."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="weir-componentize", description="Makes a Weir component of Python actions.")
    parser.add_argument("source", type=Path, help="the file with the actions, such as app.py")
    parser.add_argument("-o", "--output", type=Path, help="the component; beside the source if it is not given")
    parser.add_argument(
        "-p", "--path", type=Path, action="append", default=[], help="a further folder to import from; repeatable"
    )
    given = parser.parse_args(arguments)
    output: Path = given.output or given.source.with_suffix(".wasm")
    try:
        build(given.source, output, given.path)
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(source: Path, output: Path, paths: Sequence[Path] = ()) -> None:
    """Makes the component `output` of the actions in `source`. A `BuildError` says why it can't."""
    _check_source(source)
    componentize = find_componentize(source.parent)
    with tempfile.TemporaryDirectory(prefix="weir-build-") as folder:
        # A copy, for links lead nowhere in there; first on the path, so that it is this package that is built in.
        entry = Path(folder, "entry")
        shutil.copytree(_HERE, entry / "weir", ignore=shutil.ignore_patterns("wit", "__pycache__"))
        Path(entry, f"{_ENTRY}.py").write_text(
            f"from weir import _component\n_component.load({source.stem!r})\nActions = _component.Actions\n"
        )
        made = Path(folder, "made.wasm")
        command = [*componentize, "-d", str(_HERE / "wit"), "-w", "component", "componentize", _ENTRY]
        for path in [entry, source.resolve().parent, *(path.resolve() for path in paths), *_site_packages()]:
            command += ["-p", str(path)]
        ended = subprocess.run([*command, "-o", str(made)], capture_output=True, text=True, errors="replace")
        if ended.returncode != 0 or not made.exists():
            raise BuildError(_reason(source, ended.stdout + ended.stderr))
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(made), str(output))


def find_componentize(folder: Path) -> list[str]:
    """How componentize-py is started: as this Python has it, from a `.venv` beside the source or here, or from the
    PATH. A `BuildError` says what to install."""
    name = "componentize-py.exe" if os.name == "nt" else "componentize-py"
    bin_folder = "Scripts" if os.name == "nt" else "bin"
    found = [Path(sys.executable).parent / name]
    found += [Path(base, ".venv", bin_folder, name) for base in (folder, Path())]
    on_path = shutil.which("componentize-py")
    if on_path:
        found.append(Path(on_path))
    versions = []
    for program in dict.fromkeys(path.absolute() for path in found):
        if program.is_file():
            asked = subprocess.run([str(program), "--version"], capture_output=True, text=True)
            version = asked.stdout.strip().removeprefix("componentize-py ")
            if version == COMPONENTIZE_PY:
                return [str(program)]
            versions.append(f"{program} is {version or 'broken'}")
    why = f"not fit ({', '.join(versions)})" if versions else "missing"
    raise BuildError(
        f"componentize-py {COMPONENTIZE_PY} is {why}: "
        f"python3 -m venv .venv && .venv/bin/pip install componentize-py=={COMPONENTIZE_PY}"
    )


def _check_source(source: Path) -> None:
    """Refuses by name what would else be found out only later, or in the words of the machine below."""
    if not source.is_file():
        raise BuildError(f"there is no file {source}: name the file with the actions")
    if not source.stem.isidentifier() or source.suffix != ".py":
        raise BuildError(f"{source} can't be imported: name it with letters, digits and _ only, and .py at its end")
    if source.stem in ("weir", "component", "wit_world", _ENTRY):
        raise BuildError(f"{source} would hide a module of that name: name it otherwise, such as app.py")
    try:
        tree = ast.parse(source.read_bytes(), filename=str(source))
    except SyntaxError as error:
        # The component's own Python is newer than this one may be, and knows more.
        if sys.version_info >= (3, 14):
            raise BuildError(f"{source}:{error.lineno}: {error.msg}") from None
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and any(_is_action(each) for each in node.decorator_list):
            raise BuildError(
                f"{source}:{node.lineno}: action `{node.name}` is an async function: write `def`, not `async def`. "
                "Its calls block, and the host lets other keys go on; for requests at once there is ctx.send_all"
            )


def _is_action(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return (isinstance(called, ast.Name) and called.id == "action") or (
        isinstance(called, ast.Attribute) and called.attr == "action"
    )


def _site_packages() -> list[Path]:
    """Where the packages of this Python's environment are, so that actions may import pure ones."""
    if sys.prefix == sys.base_prefix:
        return []
    folders = [Path(path) for path in sys.path if path.endswith("site-packages") and path.startswith(sys.prefix)]
    return [folder for folder in folders if folder.is_dir()]


_FRAME = re.compile(r'^\s*File "(?:/\d+/)?([^"]+)", line (\d+)', re.MULTILINE)
_ERROR = re.compile(r"^(?:[\w.]+(?:Error|Exception|Warning)|SystemExit|KeyboardInterrupt)\b.*$", re.MULTILINE)


def _reason(source: Path, said: str) -> str:
    """What matters of all that componentize-py said."""
    errors = _ERROR.findall(said)
    if not errors:
        return f"componentize-py did not make a component of {source}:\n{said.strip()}"
    frames = [
        f"{file}:{line}"
        for file, line in _FRAME.findall(said)
        if not file.startswith(("weir/", "python/", "/python/", "<"))
        and _ENTRY not in file
        and "componentize" not in file
    ]
    what = re.sub(r"^(ValueError|TypeError): (?=.*\baction)", "", errors[-1])
    if frames and not re.match(r"\S+\.py:\d+: ", what) and frames[-1] not in what:
        what = f"{frames[-1]}: {what}"
    if "ModuleNotFoundError" in errors[-1]:
        what += " (a component takes modules of pure Python: from this folder, from -p FOLDER, from the active venv)"
    return f"{what}\n\n{said.strip()}" if os.environ.get("WEIR_BUILD_VERBOSE") else what


if __name__ == "__main__":
    sys.exit(main())
