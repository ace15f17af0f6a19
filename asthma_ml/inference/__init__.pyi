from .limit import EFFECTIVE as EFFECTIVE
from .limit import ERROR_ENDING as ERROR_ENDING
from .limit import bayes_limit as bayes_limit
from .limit import classes_of as classes_of
from .limit import probabilities as probabilities
from .true_states import TrueStates as TrueStates
from .true_states import abduct as abduct
