"""The synthetic cohort: a causal model of severe asthma, one file for each documented mechanism."""

from asthma_ml.cohort.causal_model import CausalModel
from asthma_ml.cohort.generate import Cohort, generate_cohort, severe_asthma_model, write_cohort
from asthma_ml.cohort.noise import Noise
from asthma_ml.cohort.presets import PRESETS, Preset
from asthma_ml.cohort.structural_equations import Coefficient, structural_equation

__all__ = [
    "PRESETS",
    "CausalModel",
    "Coefficient",
    "Cohort",
    "Noise",
    "Preset",
    "generate_cohort",
    "severe_asthma_model",
    "structural_equation",
    "write_cohort",
]
