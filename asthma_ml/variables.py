"""The data dictionary: what every observed variable is, in which unit, within which limits.

The dictionary is the only thing that the cohort and the classifier share. Its text is
``variables.toml``; this module reads it once and answers questions about it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import pandas as pd

from asthma_ml.errors import UnusableInputError

FACTORS = (
    "immune_profile",
    "airway_remodeling",
    "genetics",
    "environment",
    "adherence",
    "patient_context",
)
TWO_CLASSES = ("th2_high", "neutrophilic_th2_low")
FOUR_CLASSES = (*TWO_CLASSES, "mixed_granulocytic", "paucigranulocytic")
ID, SITE, LABEL = "patient_id", "site", "phenotype"
TRUTH_PREFIX = "true_"
OUTPUT_PREFIX = "aml_"

_NOT_FEATURES = ("id", "group", "label")


@dataclass(frozen=True, slots=True)
class Variable:
    """One observed variable.

    Attributes
    ----------
    name : str
        Column name; carries the unit.
    kind : {"id", "group", "label", "number", "count", "flag", "category"}
        What the values are.
    label : str
        What it is called in a sentence.
    unit : str
        Unit of the column, empty where there is none.
    factor : str or None
        The documented factor that a feature belongs to, one of `FACTORS`.
    limits : tuple of float or None
        Hard limits: a value outside is impossible or another unit.
    usual : tuple of float or None
        What is usual in severe asthma.
    resolution : float or None
        Step in which a clinic reports the value.
    levels : tuple of str
        Allowed text values of a category, in the order of their codes.
    points_to : str or None
        The class that a higher value speaks for, where biology knows the sign.
    units : Mapping of str to float
        Other units and the number that converts them by multiplication.
    companions : Mapping of str to str
        Other columns of the same row that a conversion needs, each with the unit that needs it; empty where it
        goes with any unit.
    codes : Mapping of str to str
        What other tables write for a level.
    aliases : tuple of str
        Names that other tables use for the same thing, LOINC codes among them.
    loinc : str or None
        LOINC code; `loinc_checked` is False where it was recalled only.
    """

    name: str
    kind: str
    label: str
    unit: str = ""
    factor: str | None = None
    limits: tuple[float, float] | None = None
    usual: tuple[float, float] | None = None
    resolution: float | None = None
    levels: tuple[str, ...] = ()
    points_to: str | None = None
    units: Mapping[str, float] = field(default_factory=dict)
    companions: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    loinc: str | None = None
    loinc_checked: bool = True

    @property
    def is_feature(self) -> bool:
        """Whether a classifier may use it."""
        return self.kind not in _NOT_FEATURES

    @property
    def is_numeric(self) -> bool:
        """Whether its values are numbers (flags count as 0 and 1)."""
        return self.kind in ("number", "count", "flag")

    @property
    def is_whole(self) -> bool:
        """Whether its values are reported as whole numbers."""
        return self.kind in ("count", "flag") or (self.resolution is not None and self.resolution % 1 == 0)

    def direction(self, towards: str) -> int:
        """Sign of a higher value for one of the two classes of the mission.

        Parameters
        ----------
        towards : str
            The class whose log-odds are asked about.

        Returns
        -------
        int
            1 or -1 where biology knows the sign and `towards` is one of `TWO_CLASSES`, else 0.

        Examples
        --------
        >>> data_dictionary()["feno_ppb"].direction("th2_high")
        1
        >>> data_dictionary()["feno_ppb"].direction("neutrophilic_th2_low")
        -1
        """
        if self.points_to is None or towards not in TWO_CLASSES:
            return 0
        return 1 if self.points_to == towards else -1


class DataDictionary(Mapping[str, Variable]):
    """All observed variables by name, in the order of the columns of a cohort.

    Examples
    --------
    >>> dictionary = data_dictionary()
    >>> dictionary["feno_ppb"].unit
    'ppb'
    >>> dictionary.of_factor("adherence")[0]
    'ics_adherence_fraction'
    """

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self._variables = dict(variables)

    def __getitem__(self, name: str) -> Variable:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that a classifier may use, in column order."""
        return tuple(name for name, variable in self.items() if variable.is_feature)

    def of_factor(self, factor: str) -> tuple[str, ...]:
        """Names of the features of one documented factor."""
        return tuple(name for name in self.features if self[name].factor == factor)

    def factor_of(self, name: str) -> str:
        """Documented factor of a column; columns the dictionary does not know are context."""
        variable = self.get(name)
        return (variable.factor if variable else None) or "patient_context"

    def by_alias(self) -> dict[str, str]:
        """Every alias and LOINC code, lower case, with the name it stands for."""
        return {
            alias: name
            for name, variable in self.items()
            for alias in (*variable.aliases, *filter(None, [variable.loinc]))
        }

    def to_records(self) -> list[dict[str, Any]]:
        """The dictionary as plain records, without what is empty."""
        records = (asdict(variable) for variable in self.values())
        return [{k: v for k, v in r.items() if v not in (None, "", (), {})} for r in records]

    def to_frame(self) -> pd.DataFrame:
        """The dictionary as a table, one variable a row: no cell holds more than a number or a text.

        Limits have a column for each end. Lists are joined by ``|``; a unit is followed by ``=`` and the
        number that converts from it.
        """
        return pd.DataFrame.from_records([_flat(variable) for variable in self.values()])

    def to_json(self) -> str:
        """The dictionary as JSON text."""
        return json.dumps({"factors": FACTORS, "variables": self.to_records()}, indent=2)


@cache
def data_dictionary() -> DataDictionary:
    """Return the data dictionary that the package ships.

    Returns
    -------
    DataDictionary
        Read once, then shared; it cannot be changed.
    """
    text = files("asthma_ml").joinpath("variables.toml").read_text(encoding="utf-8")
    return DataDictionary({name: _variable(name, line) for name, line in tomllib.loads(text).items()})


def _flat(variable: Variable) -> dict[str, Any]:
    """One variable as a row of a table."""
    row = asdict(variable)
    (lower, upper), (usual_lower, usual_upper) = (row.pop(ends) or (None, None) for ends in ("limits", "usual"))
    lists = {name: "|".join(row.pop(name)) for name in ("levels", "aliases")}
    units = "|".join(f"{unit}={factor:g}" for unit, factor in row.pop("units").items())
    pairs = {name: "|".join(f"{k}={v}" for k, v in row.pop(name).items()) for name in ("companions", "codes")}
    ends = {"lower": lower, "upper": upper, "usual_lower": usual_lower, "usual_upper": usual_upper}
    return {**row, **ends, **lists, "units": units, **pairs}


def _variable(name: str, line: dict[str, Any]) -> Variable:
    """One entry of the dictionary, with its lists made immutable."""
    fixed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in line.items()}
    try:
        variable = Variable(name=name, **fixed)
    except TypeError as error:
        raise UnusableInputError(f"variables.toml, [{name}]: {error}") from error
    if variable.is_feature and variable.factor not in FACTORS:
        raise UnusableInputError(f"variables.toml, [{name}]: factor must be one of {', '.join(FACTORS)}")
    return variable
