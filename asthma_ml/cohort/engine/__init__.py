"""Engine of structural causal models: equations, distributions, exogenous noise, simulation and twins."""
