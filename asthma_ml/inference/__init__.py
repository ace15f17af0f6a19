"""Posterior of the causal model given a patient's row: Bayes limit and abduction of true states."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
