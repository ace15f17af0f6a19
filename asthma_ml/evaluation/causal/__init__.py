"""Evaluations that need a generated cohort: Bayes limit, counterfactual twins, faithfulness, true adherence."""
