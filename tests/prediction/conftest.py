"""Every test of predicted files runs twice: as a small file is read and written, and by machine code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asthma_ml.files import row_encoder
from asthma_ml.patients.text import file_rows


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of files in both ways."""
    if metafunc.module.__name__.endswith("test_files"):
        metafunc.fixturenames.append("way_of_reading")
        metafunc.parametrize("way_of_reading", ["python", "machine code"], indirect=True)


@pytest.fixture(scope="module")
def way_of_reading(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lower the sizes from which machine code reads and writes a file."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "machine code":
            patch.setattr(file_rows, "COMPILED_BYTES", 0)
            patch.setattr(row_encoder, "CELLS_OF_PATIENCE", 0)
        yield
