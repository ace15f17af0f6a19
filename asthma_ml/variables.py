"""The data dictionary: kind, unit, limits, levels and aliases of every observed variable.

It is the only definition that the cohort and the classifier share. Its content is in ``variables.toml``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from asthma_ml.errors import UnusableInputError

if TYPE_CHECKING:
    import pandas as pd

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
    """One observed variable (column).

    Attributes
    ----------
    name : str
        Column name, with the unit.
    kind : {"id", "group", "label", "number", "count", "flag", "category"}
        Type and role of the values.
    label : str
        Name in sentences.
    unit : str
        Unit of the column, empty if it has none.
    factor : str or None
        Documented factor of a feature, one of `FACTORS`.
    limits : tuple of float or None
        Hard limits. A value outside is impossible or in another unit.
    usual : tuple of float or None
        Usual range in severe asthma.
    resolution : float or None
        Step in which clinics report the value.
    levels : tuple of str
        Allowed text values of a category, in the order of their codes.
    points_to : str or None
        Class that higher values support, if the sign is established.
    units : Mapping of str to float
        Other units and the factor that converts from each.
    companions : Mapping of str to str
        Other columns of the same row that a conversion needs, each with the unit that needs it; an empty unit means
        any unit.
    codes : Mapping of str to str
        Level of each code that other tables use.
    aliases : tuple of str
        Names that other tables use for the column, including LOINC codes.
    loinc : str or None
        LOINC code. `loinc_checked` is False if the code was not looked up.
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
        """Whether a classifier may use the column."""
        return self.kind not in _NOT_FEATURES

    @property
    def is_numeric(self) -> bool:
        """Whether the values are numbers; flags are 0 and 1."""
        return self.kind in ("number", "count", "flag")

    @property
    def is_whole(self) -> bool:
        """Whether clinics report whole numbers."""
        return self.kind in ("count", "flag") or (self.resolution is not None and self.resolution % 1 == 0)

    def direction(self, towards: str) -> int:
        """Sign with which higher values change the log-odds of a class of the default two-class task.

        Parameters
        ----------
        towards : str
            Class whose log-odds are meant.

        Returns
        -------
        int
            1 or -1 if the sign is established and `towards` is one of `TWO_CLASSES`, else 0.

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

    def __repr__(self) -> str:
        return f"<DataDictionary of {len(self)} variables, {len(self.features)} features>"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns that a classifier may use, in column order."""
        return tuple(name for name, variable in self.items() if variable.is_feature)

    def of_factor(self, factor: str) -> tuple[str, ...]:
        """Names of the features of one documented factor."""
        return tuple(name for name in self.features if self[name].factor == factor)

    def factor_of(self, name: str) -> str:
        """Documented factor of a column; patient context for columns that are not in the dictionary."""
        variable = self.get(name)
        return (variable.factor if variable else None) or "patient_context"

    def by_alias(self) -> dict[str, str]:
        """Variable of every alias and LOINC code; aliases are lower case."""
        return {
            alias: name
            for name, variable in self.items()
            for alias in (*variable.aliases, *filter(None, [variable.loinc]))
        }

    def to_records(self) -> list[dict[str, Any]]:
        """The dictionary as records without empty fields."""
        records = (asdict(variable) for variable in self.values())
        return [{k: v for k, v in r.items() if v not in (None, "", (), {})} for r in records]

    def to_frame(self) -> pd.DataFrame:
        """The dictionary as a table with one row per variable; every cell is a number or a text.

        Lower and upper limits have columns of their own. Lists are joined by ``|``. A unit is followed by ``=`` and its
        conversion factor.
        """
        import pandas as pd

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
        Read once and shared; immutable.
    """
    text = files("asthma_ml").joinpath("variables.toml").read_text(encoding="utf-8")
    return DataDictionary({name: _variable(name, line) for name, line in tomllib.loads(text).items()})


def _flat(variable: Variable) -> dict[str, Any]:
    """One variable as a row of `DataDictionary.to_frame`."""
    row = asdict(variable)
    (lower, upper), (usual_lower, usual_upper) = (row.pop(ends) or (None, None) for ends in ("limits", "usual"))
    lists = {name: "|".join(row.pop(name)) for name in ("levels", "aliases")}
    units = "|".join(f"{unit}={factor:g}" for unit, factor in row.pop("units").items())
    pairs = {name: "|".join(f"{k}={v}" for k, v in row.pop(name).items()) for name in ("companions", "codes")}
    ends = {"lower": lower, "upper": upper, "usual_lower": usual_lower, "usual_upper": usual_upper}
    return {**row, **ends, **lists, "units": units, **pairs}


def _variable(name: str, line: dict[str, Any]) -> Variable:
    """One entry of the dictionary, with its lists as tuples."""
    fixed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in line.items()}
    try:
        variable = Variable(name=name, **fixed)
    except TypeError as error:
        raise UnusableInputError(f"variables.toml, [{name}]: {error}") from error
    if variable.is_feature and variable.factor not in FACTORS:
        raise UnusableInputError(f"variables.toml, [{name}]: factor must be one of {', '.join(FACTORS)}")
    return variable
