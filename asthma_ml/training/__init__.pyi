from .labels import LABEL_RULES as LABEL_RULES
from .labels import LabelledPatients as LabelledPatients
from .labels import LabelRule as LabelRule
from .labels import at_least as at_least
from .labels import labelled_patients as labelled_patients
from .train import TrainedClassifier as TrainedClassifier
from .train import recalibrate_classifier as recalibrate_classifier
from .train import train_classifier as train_classifier
