"""Freed memory kept by a process."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import resource
import numpy as np
from pipeline.memory import keep_freed_memory
keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    for _ in range(100):
        np.ones(1_000_000, dtype=np.uint8)
use()
before = faults()
use()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other C library has this setting")
def test_the_same_memory_is_used_again() -> None:
    """A hundred arrays of 1 MB one after the other take no new page from the system."""
    out = subprocess.check_output([sys.executable, "-c", PROGRAM], cwd=ROOT, text=True)
    assert int(out) < 244  # pages of one of them
