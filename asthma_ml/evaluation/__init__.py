"""Evaluation of a fitted model: metrics, subgroups, abstention, reference rules, comparison with the causal model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
