"""Add the mechanism regression to a model file, without training the model again.

python docs/make/shipped_mechanisms.py models/th2_vs_neutrophilic.aml severe_clinic
"""

from __future__ import annotations

import sys

from asthma_ml.cohort import preset_named
from asthma_ml.model_files import load_model, load_model_with_card, save_model_with_card
from asthma_ml.training import learn_mechanisms, mechanisms_entry

WRITTEN_BY_THE_PROGRAM = (
    *("format", "format_version", "versions", "classes", "feature_names", "parameters", "training"),
    *("data_dictionary", "self_test", "background", "estimator_sha256", "compiled_sha256", "mechanisms_sha256"),
)


def main(path: str, preset: str) -> None:
    """Learn the regression and write the model file and its card again, with all its other entries."""
    model, card = load_model_with_card(path)
    background = getattr(load_model(path, compiled=True), "background", None)
    world = preset_named(preset)
    model.mechanisms_ = learn_mechanisms(model, world, jobs=2, progress=True)
    kept = {name: entry for name, entry in card.items() if name not in WRITTEN_BY_THE_PROGRAM}
    entry = mechanisms_entry(model.mechanisms_, world)
    save_model_with_card(model, path, card={**kept, "mechanisms": entry}, background=background)


if __name__ == "__main__":
    main(*sys.argv[1:])
