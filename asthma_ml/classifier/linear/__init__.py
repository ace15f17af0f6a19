"""The linear model: logistic regression on normal scores, with missing scores imputed from their joint distribution."""
