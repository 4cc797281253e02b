"""Tests of the SDK: `python -m unittest` in guest-sdk/python."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
