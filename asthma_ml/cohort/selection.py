"""Selection into the cohort. Selection is a collider: it associates variables that are independent otherwise.

People are referred to a severe-asthma clinic because of high treatment, poor control, exacerbations and low
lung function. Among the selected, those without one of these reasons tend to have another.
"""

import numpy as np

from asthma_ml.cohort.engine.distributions import Bernoulli, by_level, expit
from asthma_ml.cohort.engine.structural_equations import Coefficient, structural_equation


@structural_equation
def enrolled(
    treatment_step,
    acq6_score,
    exacerbations_12m,
    fev1_pct_predicted,
    on_oral_steroid,
    *,
    log_odds=Coefficient(-0.6, "log odds on step 5"),
    step_1=Coefficient(-30.0, "log odds"),
    step_2=Coefficient(-30.0, "log odds"),
    step_3=Coefficient(-30.0, "log odds"),
    step_4=Coefficient(-3.42, "log odds"),
    control=Coefficient(0.45, "log odds per point"),
    attacks=Coefficient(0.30, "log odds per exacerbation"),
    lung_function=Coefficient(-0.014, "log odds per % predicted"),
    oral_steroid=Coefficient(0.59, "log odds"),
    least_acq=Coefficient(0.0, "score"),
    least_attacks=Coefficient(0.0, "exacerbations/year"),
    most_fev1=Coefficient(200.0, "% predicted"),
):
    """Whether the person is referred to the clinic and takes part.

    Trials add inclusion criteria: minimum exacerbations, minimum ACQ, maximum FEV1.
    """
    step = by_level(treatment_step, step_1=step_1, step_2=step_2, step_3=step_3, step_4=step_4, step_5=0.0)
    burden = control * (acq6_score - 2) + attacks * np.minimum(exacerbations_12m, 6)
    lungs = lung_function * (fev1_pct_predicted - 70) + oral_steroid * on_oral_steroid
    eligible = (acq6_score >= least_acq) & (exacerbations_12m >= least_attacks) & (fev1_pct_predicted <= most_fev1)
    return Bernoulli(np.where(eligible, expit(log_odds + step + burden + lungs), 0.0))
