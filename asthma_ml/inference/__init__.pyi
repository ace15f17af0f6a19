from .limit import ESS as ESS
from .limit import SE_SUFFIX as SE_SUFFIX
from .limit import bayes_limit as bayes_limit
from .limit import limit_classes as limit_classes
from .limit import limit_probabilities as limit_probabilities
from .limit import simulated_patients as simulated_patients
from .true_states import TrueStates as TrueStates
from .true_states import abduct as abduct
