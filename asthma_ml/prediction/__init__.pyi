from .files import PredictedFile as PredictedFile
from .files import predict_file as predict_file
from .shift import detect_shift as detect_shift
from .shift import shift_statistics as shift_statistics
from .shift import shift_warning as shift_warning
from .tables import missing_features as missing_features
from .tables import predict_table as predict_table
from .tables import refuse_table_without_features as refuse_table_without_features
