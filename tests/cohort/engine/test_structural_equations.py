"""Writing a mechanism down: numbers with sources, functions with causes."""

import copy

import pytest

from asthma_ml.cohort.engine.distributions import Normal
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation
from asthma_ml.errors import CausalModelError


def test_a_coefficient_counts_as_its_number_and_remembers_its_source():
    emax = Coefficient(0.44, "fraction", source="IMM067", evidence="measured")
    assert emax * 2 == 0.88
    again = copy.deepcopy(emax)
    assert (again, again.source, again.evidence, again.unit) == (0.44, "IMM067", "measured", "fraction")


def test_a_number_without_a_source_is_assumed():
    assert Coefficient(1.0, "sd").evidence == "assumed"


def test_a_measured_number_needs_a_source():
    with pytest.raises(ValueError, match="needs the id of its source"):
        Coefficient(1.0, "sd", evidence="measured")


def test_only_three_grades_of_evidence_exist():
    with pytest.raises(ValueError, match="measured, derived, assumed"):
        Coefficient(1.0, "sd", source="IMM067", evidence="guessed")


def test_an_equation_is_read_from_its_signature():
    @structural_equation
    def response(dose, genes, *, gain=Coefficient(2.0, "ppb")):
        """What comes back."""
        return Normal(gain * dose + genes, 1.0)

    assert response.name == "response"
    assert response.parents == ("dose", "genes")
    assert response.coefficients == {"gain": 2.0}
    assert response.title == "What comes back."
    assert response(3.0, 1.0).mean == 7.0
    assert response(3.0, 1.0, gain=1.0).mean == 4.0


def test_a_bare_number_is_refused_with_the_place_named():
    with pytest.raises(CausalModelError, match=r"test_structural_equations.py, line \d+, response: the number `gain`"):

        @structural_equation
        def response(dose, *, gain=2.0):
            return gain * dose
