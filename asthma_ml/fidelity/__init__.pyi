from .forest_plot import forest_figure as forest_figure
from .forest_plot import forest_pages as forest_pages
from .literature import compare_with_literature as compare_with_literature
from .real_patients import compare_with_real as compare_with_real
from .sensitivity_analysis import analyse_sensitivity as analyse_sensitivity
from .sensitivity_analysis import sensitivity_report as sensitivity_report
from .tornado_plot import tornado_figure as tornado_figure
