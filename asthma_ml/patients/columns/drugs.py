"""Find corticosteroids by their name in any European spelling, and the unit of their equivalent dose."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

from asthma_ml.variables import Variable, data_dictionary

# Names on prescriptions, and the spelling of the dictionary.
_OTHER_NAMES = {
    "bdp": "beclometasone",
    "extrafine bdp": "extrafine beclometasone",
    "qvar": "extrafine beclometasone",
    "bud": "budesonide",
    "pulmicort": "budesonide",
    "fp": "fluticasone propionate",
    "flixotide": "fluticasone propionate",
    "ff": "fluticasone furoate",
    "alvesco": "ciclesonide",
    "asmanex": "mometasone",
    "medrol": "methylprednisolone",
    "urbason": "methylprednisolone",
    "decortin": "prednisone",
    "decortin h": "prednisolone",
    "cortef": "hydrocortisone",
    "dexa": "dexamethasone",
    "decadron": "dexamethasone",
    "fortecortin": "dexamethasone",
    "celestone": "betamethasone",
    "calcort": "deflazacort",
}
_SPELLINGS = (("th", "t"), ("ph", "f"), ("ks", "x"), ("y", "i"), ("z", "s"), ("k", "c"))
_SALT = re.compile(r"((di)?(propionat|acetat|acetonid|furoat|sodi|sodium|natri|natrium|fosfat|valerat|succinat))+$")
_SHORTEST_IN_HEADER = 4


def unit_of_drug(drug: str, variable: Variable) -> str | None:
    """Return the unit of a dose of a drug, None if the drug is not in the dictionary.

    Examples
    --------
    >>> unit_of_drug("Hidrocortisona", data_dictionary()["ocs_dose_mg_day"])
    'mg/day hydrocortisone'
    """
    units, stem = _units(variable.name), _stem(drug)
    return units.get(stem) or units.get(_SALT.sub("", stem))


def drugs_named(name: str, variable: Variable) -> list[str]:
    """Units of the drugs that a column name contains.

    Examples
    --------
    >>> drugs_named("methylprednisolone_mg_day", data_dictionary()["ocs_dose_mg_day"])
    ['mg/day methylprednisolone']
    >>> drugs_named("fluticasone dose", data_dictionary()["ics_dose_ug_day"])
    ['ug/day fluticasone furoate', 'ug/day fluticasone propionate']
    """
    stems = [_stem(word) for word in re.findall(r"[^\W\d_]+", name) if len(word) >= _SHORTEST_IN_HEADER]
    units = _units(variable.name)
    found = [stem for stem in stems if stem in units] or [
        drug for drug in units for stem in stems if len(stem) > _SHORTEST_IN_HEADER and drug.startswith(stem)
    ]
    return list(dict.fromkeys(units[stem] for stem in found))


def _stem(text: str) -> str:
    """A name without accents, blanks and endings, in one of its spellings."""
    plain = "".join(sign for sign in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(sign))
    for spelling, other in _SPELLINGS:
        plain = plain.replace(spelling, other)
    return "".join(word.rstrip("aeou") or word for word in re.findall(r"[^\W_]+", plain))


@cache
def _units(name: str) -> Mapping[str, str]:
    """Unit of the dose of each drug of a variable."""
    variable = data_dictionary()[name]
    of_drug = f"{variable.unit} "
    units = {unit.removeprefix(of_drug): unit for unit in variable.units if unit.startswith(of_drug)}
    others = {other: units[drug] for other, drug in _OTHER_NAMES.items() if drug in units}
    return {_stem(drug): unit for drug, unit in (units | others).items()}
