from pathlib import Path
from venv import EnvBuilder

import pytest


@pytest.fixture(scope="session")
def python_without_peers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python to which nothing has been added, neither the packages compared with nor torch."""
    folder = tmp_path_factory.mktemp("bare")
    EnvBuilder(symlinks=True).create(folder)
    return folder / "bin" / "python"
