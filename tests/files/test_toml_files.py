"""TOML files of users are refused in one line if they cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.errors import UnusableInputError
from asthma_ml.files import read_toml


def test_a_file_with_or_without_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    for text in ("x = [1, { y = 2.5 }]", "\ufeffx = [1, { y = 2.5 }]"):
        (tmp_path / "map.toml").write_text(text, encoding="utf-8")
        assert read_toml(tmp_path / "map.toml") == {"x": [1, {"y": 2.5}]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x = " + b"[" * 5_000, "nested too deeply"),
        (b"x = { " + b"a." * 2_000 + b"b = 1 }", "nested too deeply"),
        (b"[" + b"a." * 2_000 + b"b]", "nested too deeply"),
        (b"x = " + b"[" * 21 + b"]" * 21, "nested too deeply"),
        (b"x = 1" + b"0" * 400, "a number is too long"),
        (b"x = -1" + b"0" * 5_000, "a number is too long"),
        (b"x = [{ y = 9223372036854775808 }]", "a number is too long"),
        (b"x = 0x" + b"f" * 400, "a number is too long"),
        (b"\xff\xfe", "can't decode byte"),
        (b"x = ", "Invalid value"),
        (b"#" * 2**22 + b"#", "larger than 4 MB"),
    ],
)
def test_what_would_overflow_or_recurse_later_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "map.toml").write_bytes(content)
    with pytest.raises(UnusableInputError, match=rf"map\.toml: not a TOML file that can be read \(.*{message}"):
        read_toml(tmp_path / "map.toml")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_device_that_never_ends_is_refused() -> None:
    with pytest.raises(UnusableInputError, match="larger than 4 MB"):
        read_toml("/dev/zero")
