"""Inflammatory endotypes of treatment-resistant severe asthma: cohort, classifier, explanations.

Research software, not a medical device. SHAP values explain the model, not the disease.

Public names are imported on first use, so ``import asthma_ml`` loads neither scikit-learn nor shap nor matplotlib.

Examples
--------
>>> import asthma_ml as aml
>>> aml.data_dictionary()["feno_ppb"].unit
'ppb'
"""

import lazy_loader

from asthma_ml.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
