"""Why the model predicts what it predicts: contributions of features and factors, figures and what-ifs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
