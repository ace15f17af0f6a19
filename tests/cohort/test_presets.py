"""A preset of a file is refused in one line if a number has no meaning for its coefficient."""

from __future__ import annotations

from pathlib import Path

import pytest

from asthma_ml.cohort import PRESETS, generate_cohort, preset_model, preset_named
from asthma_ml.errors import UnusableInputError


def written(folder: Path, text: str) -> str:
    (folder / "clinic.toml").write_text(text)
    return str(folder / "clinic.toml")


@pytest.mark.parametrize("name", PRESETS)
def test_the_numbers_of_all_presets_are_possible(name: str) -> None:
    preset_model(PRESETS[name])


def test_a_preset_can_be_derived_from_another_file(tmp_path: Path) -> None:
    first = written(tmp_path, '[overrides]\n"smoking_status.current" = 0.3')
    (tmp_path / "second.toml").write_text(f'base = "{first}"\n[overrides]\n"age_years.mean" = 60')
    overrides = preset_named(str(tmp_path / "second.toml")).overrides
    assert (overrides["smoking_status.current"], overrides["age_years.mean"]) == (0.3, 60)


@pytest.mark.parametrize(
    ("number", "allowed"),
    [
        ("nan", "from 0 to 1 "),
        ("inf", "from 0 to 1 "),
        ("-0.1", "from 0 to 1 "),
        ("1.7", "from 0 to 1 "),
        ("true", "from 0 to 1 "),
        ('"0.3"', "from 0 to 1 "),
        ("[0.3]", "from 0 to 1 "),
        ("9" * 18, "from 0 to 1 "),
    ],
)
def test_an_impossible_share_is_refused(tmp_path: Path, number: str, allowed: str) -> None:
    preset = preset_named(written(tmp_path, f'[overrides]\n"smoking_status.current" = {number}'))
    with pytest.raises(UnusableInputError, match=rf"smoking_status\.current = .* must be a number {allowed}"):
        generate_cohort(10, preset=preset)


@pytest.mark.parametrize(
    ("coefficient", "number", "allowed"),
    [
        ("age_years.sd", -3, "from 0"),
        ("attack_rate_per_year.rate", -1, "from 0"),
        ("exacerbations_12m.dispersion", 0, "above 0"),
        ("bmi_kg_m2.median", 0, "above 0"),
        ("age_years.mean", 1e300, "from -1e.06"),
    ],
)
def test_an_impossible_number_is_refused(coefficient: str, number: float, allowed: str) -> None:
    preset = PRESETS["severe_clinic"].derive("ours", "our clinic", {coefficient: number})
    with pytest.raises(UnusableInputError, match=f"preset ours: {coefficient} = .* must be a number {allowed}"):
        generate_cohort(10, preset=preset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "clinic.toml"', "its base is the file itself"),
        ("overrides = [1, 2]", "overrides must be a table"),
        ("rate = 1", "unknown keys rate"),
        ("x = " + "[" * 5000, "nested too deeply"),
        ("x = 1" + "0" * 400, "a number is too long"),
        ("x = 1" + "0" * 5000, "a number is too long"),
        ("x = ", "Invalid value"),
    ],
)
def test_a_file_that_is_no_preset_is_refused(
    tmp_path: Path, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, text)
    with pytest.raises(UnusableInputError, match=rf"clinic\.toml: .*{message}"):
        preset_named("clinic.toml")


def test_an_unknown_coefficient_is_refused_with_those_that_exist() -> None:
    preset = PRESETS["severe_clinic"].derive("ours", "our clinic", {"smoking_status.curent": 0.3})
    with pytest.raises(
        UnusableInputError, match=r"smoking_status\.curent: no such coefficient \(never, former, current"
    ):
        generate_cohort(10, preset=preset)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("severe_clinic", "the preset severe_clinic has other coefficients; choose another name"),
        ("x" * 61, "give at most 60 printable characters"),
        ("two\\nlines", "give at most 60 printable characters"),
    ],
)
def test_a_name_that_would_mislead_or_cannot_be_shown_is_refused(tmp_path: Path, name: str, message: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'name = "{name}"\n[overrides]\n"feno_ppb.baseline" = 30.0\n')
    with pytest.raises(UnusableInputError, match=message):
        preset_named(str(path))
