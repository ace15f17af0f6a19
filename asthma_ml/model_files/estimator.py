"""Model files: a readable card, the estimator and its compiled form, without pickle anywhere.

The estimator is stored by skops, which rebuilds objects from data. It is loaded only if everything in it
is on a reviewed list, it was made with the same minor version of scikit-learn, nothing in it was damaged,
and it still predicts a few rows as it did when it was written. Its compiled form is arrays and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import ModelFileError
from asthma_ml.model_files.archive import (
    check_card,
    first_line,
    member,
    self_test,
    unzipped,
    zipped,
)
from asthma_ml.wording import first_names

_ESTIMATOR, _SCHEMA = "estimator.skops", "schema.json"

# What a fitted classifier consists of, by the way skops rebuilds it. Reviewed: none of it runs code
# from the file. The list is tighter than what skops trusts by itself.
_REVIEWED = {
    "JsonNode": {"builtins.str"},
    "TypeNode": {"builtins.str"},
    "DictNode": {"builtins.dict"},
    "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"},
    "NdArrayNode": {
        *(f"numpy.{name}" for name in ("ndarray", "bool", "int32", "int64", "uint32", "uint64", "float32", "float64"))
    },
    "RandomGeneratorNode": {"numpy.random._generator.Generator"},
    "RandomStateNode": {"numpy.random.mtrand.RandomState"},
    "LossNode": {"sklearn._loss._loss.CyHalfBinomialLoss", "sklearn._loss._loss.CyHalfMultinomialLoss"},
    "ObjectNode": {
        "asthma_ml.classifier.linear.regression.LinearModel",
        "asthma_ml.classifier.linear.normal_scores.NormalScores",
        "asthma_ml.classifier.phenotype_classifier.PhenotypeClassifier",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.frozen._frozen.FrozenEstimator",
        "sklearn.preprocessing._label.LabelEncoder",
    },
}
# The part of it that skops does not trust by itself.
_TRUSTED = [
    "asthma_ml.classifier.linear.regression.LinearModel",
    "asthma_ml.classifier.linear.normal_scores.NormalScores",
    "asthma_ml.classifier.phenotype_classifier.PhenotypeClassifier",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]


def _reproducible(estimator: bytes) -> bytes:
    """The same skops file without memory addresses and dates, so that equal models are equal bytes."""
    written, members = unzipped(estimator), {}
    schema = json.loads(written[_SCHEMA])
    for number, node in enumerate(_nodes(schema), start=1):
        if "__id__" in node:
            node["__id__"] = number
        if "file" in node:
            content = written[node["file"]]
            node["file"] = f"{sha256(content).hexdigest()}.npy"
            members[node["file"]] = content
    return zipped({**members, _SCHEMA: json.dumps(schema).encode()})


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All objects of a skops schema, outer before inner."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        if isinstance(node, dict | list):
            waiting += reversed(list(node.values() if isinstance(node, dict) else node))


def _load(card: dict[str, Any], members: Mapping[str, bytes], source: str) -> PhenotypeClassifier:
    """A model from the members of its file, after every check."""
    check_card(card, source)
    _check_version(card, source)
    estimator = member(members, _ESTIMATOR, card, source)
    _check_contents(estimator, source)
    model = _rebuilt(estimator, source)
    self_test(model, card, source)
    return model


def _check_version(card: Mapping[str, Any], source: str) -> None:
    made, here = str(card.get("versions", {}).get("scikit-learn")), version("scikit-learn")
    if _minor(made) != _minor(here):
        raise ModelFileError(
            f"{source}: made with scikit-learn {made}, installed is {here}; "
            f"train the model again or install scikit-learn {_minor(made)}"
        )


def _minor(number: str) -> str:
    return ".".join(number.split(".")[:2])


def _check_contents(estimator: bytes, source: str) -> None:
    """Refuse whatever is not on the reviewed list, before anything is rebuilt."""
    try:
        nodes = [node for node in _nodes(json.loads(unzipped(estimator)[_SCHEMA])) if "__class__" in node]
        strange = {name for node in nodes if (name := _type_name(node)) not in _REVIEWED.get(node["__loader__"], ())}
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, the estimator cannot be read ({first_line(error)})") from error
    if strange:
        raise ModelFileError(
            f"{source}: not loaded, it holds {first_names(sorted(strange))}, which no model file needs"
        )


def _type_name(node: dict[str, Any]) -> str:
    return f"{node['__module__']}.{node['__class__']}"


def _rebuilt(estimator: bytes, source: str) -> PhenotypeClassifier:
    from skops.io import loads

    try:
        model = loads(estimator, trusted=_TRUSTED)
    except Exception as error:
        raise ModelFileError(f"{source}: the estimator cannot be rebuilt ({first_line(error)})") from error
    if not isinstance(model, PhenotypeClassifier):
        raise ModelFileError(f"{source}: holds no PhenotypeClassifier")
    return model
