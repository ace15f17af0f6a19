"""Every test of files runs twice: as a small file is read and written, and by machine code, as a large one is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asthma_ml.files import row_encoder
from asthma_ml.machine_code import Patience
from asthma_ml.patients.text import file_rows

TESTS_OF_FILES = (
    "patients.test_dirty_files",
    "patients.test_non_patient_rows",
    "patients.test_reading",
    "patients.test_unusual_cells",
    "patients.text.test_headers",
    "patients.text.test_preamble",
    "patients.text.test_text_tables",
    "prediction.test_files",
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of some modules in both ways."""
    if metafunc.module.__name__.endswith(TESTS_OF_FILES):
        metafunc.fixturenames.append("way_of_reading")
        metafunc.parametrize("way_of_reading", ["python", "machine code"], indirect=True)


@pytest.fixture(scope="module")
def way_of_reading(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lower the sizes from which machine code reads and writes a file."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "machine code":
            patch.setattr(file_rows, "COMPILED_BYTES", 0)
            patch.setattr(file_rows, "COMPILED_ROWS", 0)
            patch.setattr(row_encoder, "PATIENCE", Patience(0))
        yield
