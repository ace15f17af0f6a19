"""The estimator in a model file, stored by skops and rebuilt without pickle.

An estimator is loaded only if all its types are on a reviewed list, the minor version of scikit-learn is the same,
its checksum matches and its self-test passes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from sklearn.frozen import FrozenEstimator

from asthma_ml.classifier import PhenotypeClassifier
from asthma_ml.errors import ModelFileError
from asthma_ml.model_files.archive import (
    check_agreement,
    check_card,
    check_self_test,
    first_line,
    refuse_large,
    unzip_members,
    verified_member,
    zip_members,
)
from asthma_ml.model_files.mechanisms import MECHANISMS, read_mechanisms
from asthma_ml.model_files.soundness import refuse_unsound_estimator
from asthma_ml.wording import first_names

ESTIMATOR, _SCHEMA = "estimator.skops", "schema.json"

_OWN_TYPES = [
    "asthma_ml.classifier.linear.joint_normal.JointNormal",
    "asthma_ml.classifier.linear.model.LinearModel",
    "asthma_ml.classifier.linear.normal_scores.NormalScores",
    "asthma_ml.classifier.phenotype_classifier.PhenotypeClassifier",
]
# Types of the parts of a fitted classifier, by the skops node that rebuilds them. Reviewed: none of them runs code
# from the file. The list is shorter than the one that skops trusts by default.
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
        *_OWN_TYPES,
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
# Types that skops does not trust by default.
_TRUSTED = [*_OWN_TYPES, "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def estimator_member(model: PhenotypeClassifier) -> bytes:
    """Return a classifier in skops format, without memory addresses and dates: equal models give equal bytes."""
    from skops.io import dumps

    written, members = unzip_members(dumps(_without_mechanisms(model))), {}
    schema = json.loads(written[_SCHEMA])
    for number, node in enumerate(_nodes(schema), start=1):
        if "__id__" in node:
            node["__id__"] = number
        if "file" in node:
            content = written[node["file"]]
            node["file"] = f"{sha256(content).hexdigest()}.npy"
            members[node["file"]] = content
    return zip_members({**members, _SCHEMA: json.dumps(schema).encode()})


def _without_mechanisms(model: PhenotypeClassifier) -> PhenotypeClassifier:
    """The classifier, also as a starting model, without mechanisms: they are a member of their own, for both forms."""
    bare, start = copy(model), model.start_from
    if "mechanisms_" in vars(bare):
        del bare.mechanisms_
    if isinstance(start, FrozenEstimator):
        bare.start_from = FrozenEstimator(_without_mechanisms(start.estimator))
    elif start is not None:
        bare.start_from = _without_mechanisms(start)
    return bare


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All nodes of a skops schema, outer before inner."""
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
        if isinstance(node, dict | list):
            waiting += reversed(list(node.values() if isinstance(node, dict) else node))


def read_estimator(card: Mapping[str, Any], members: Mapping[str, bytes], source: str) -> PhenotypeClassifier:
    """Rebuild the classifier from the members of a model file, after every check."""
    check_card(card, source)
    _check_version(card, source)
    estimator = verified_member(members, ESTIMATOR, card, source)
    _check_types(estimator, source)
    model = _rebuilt(estimator, source)
    check_agreement(model, card, source)
    check_self_test(model, card, source)
    if MECHANISMS in members:
        model.mechanisms_ = read_mechanisms(card, members, source)
    return model


def _check_version(card: Mapping[str, Any], source: str) -> None:
    written, here = str(card.get("versions", {}).get("scikit-learn")), version("scikit-learn")
    if _minor(written) != _minor(here):
        raise ModelFileError(
            f"{source}: written with scikit-learn {written}, installed is {here}; "
            f"train the model again or install scikit-learn {_minor(written)}"
        )


def _minor(number: str) -> str:
    return ".".join(number.split(".")[:2])


def _check_types(estimator: bytes, source: str) -> None:
    """Refuse types that are not on the reviewed list, before anything is rebuilt."""
    try:
        members = unzip_members(estimator)
        nodes = [node for node in _nodes(json.loads(members[_SCHEMA])) if "__class__" in node]
        # A member can be named by many nodes, each of which is an array of its size in memory.
        named = [node["file"] for node in nodes if "file" in node]
        refuse_large(sum(len(members[name]) for name in named))
        if unknown := set(members) - {_SCHEMA, *named}:
            raise ValueError(f"it holds unknown members: {first_names(sorted(unknown))}")
        unreviewed = {name for node in nodes if (name := _type_name(node)) not in _REVIEWED.get(node["__loader__"], ())}
    except Exception as error:
        raise ModelFileError(f"{source}: damaged, the estimator cannot be read ({first_line(error)})") from error
    if unreviewed:
        raise ModelFileError(
            f"{source}: not loaded, it contains types that no model file needs: {first_names(sorted(unreviewed))}"
        )


def _type_name(node: dict[str, Any]) -> str:
    return f"{node['__module__']}.{node['__class__']}"


def _rebuilt(estimator: bytes, source: str) -> PhenotypeClassifier:
    from skops.io import loads

    try:
        model = loads(estimator, trusted=_TRUSTED)
        if not isinstance(model, PhenotypeClassifier):
            raise TypeError("it is not a PhenotypeClassifier")
        refuse_unsound_estimator(model)
    except Exception as error:
        raise ModelFileError(f"{source}: the estimator cannot be rebuilt ({first_line(error)})") from error
    return model
