"""Every test of reading runs twice: as a small file is read, and by machine code, as a large one is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asthma_ml.patients.text import file_rows

READS_FILES = ("test_dirty_files", "test_preamble", "test_reading", "test_text_tables")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of some modules by both ways of splitting text."""
    if metafunc.module.__name__.endswith(READS_FILES):
        metafunc.fixturenames.append("way_of_splitting")
        metafunc.parametrize("way_of_splitting", ["csv module", "machine code"], indirect=True)


@pytest.fixture(scope="module")
def way_of_splitting(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lower the size from which machine code splits a file."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "machine code":
            patch.setattr(file_rows, "COMPILED_BYTES", 0)
        yield
