"""Training of a classifier on a labelled table, with held-out metrics and a model card."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
