"""The compiled classifier: arrays that predict and give exact Shapley values without scikit-learn or shap."""
