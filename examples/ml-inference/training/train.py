"""Train the model that comes with the package: ``python training/train.py [--output FILE] [--check]``.

Logistic regression on scikit-learn's bundled measurements of irises (Fisher, 1936): 150 flowers, 4 features,
3 classes. The split is seeded and the solver deterministic, so that every run gives the same model. Needs
training/requirements.txt.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import onnx
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

NAME = "iris"
VERSION = "1.0.0"
SEED = 20260501
# A model below these is not written.
LEAST = {"accuracy": 0.93, "f1_macro": 0.93}
OUTPUT = Path(__file__).parents[1] / "ml_inference" / "model.onnx"


def train() -> tuple[bytes, dict[str, float]]:
    """The model as ONNX, and what it achieves on the flowers that it has not seen."""
    data: Any = load_iris()
    seen, unseen, seen_classes, unseen_classes = train_test_split(
        data.data.astype("float32"), data.target, test_size=0.3, random_state=SEED, stratify=data.target
    )
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
    pipeline.fit(seen, seen_classes)
    found = pipeline.predict(unseen)
    scores = {
        "accuracy": float(accuracy_score(unseen_classes, found)),
        "f1_macro": float(f1_score(unseen_classes, found, average="macro")),
    }
    converted = to_onnx(pipeline, seen[:1], options={"zipmap": False}, target_opset=17)
    about = {
        "name": NAME,
        "version": VERSION,
        "features": json.dumps([name.removesuffix(" (cm)").replace(" ", "_") + "_cm" for name in data.feature_names]),
        "classes": json.dumps([str(name) for name in data.target_names]),
        "scores": json.dumps(scores),
    }
    onnx.helper.set_model_props(converted, about)
    return converted.SerializeToString(), scores


def main() -> int:
    """Train, check, write. Returns the exit status: 1 when a score is below its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--check", action="store_true", help="only say the scores; write nothing")
    arguments = parser.parse_args()
    content, scores = train()
    print(json.dumps({"bytes": len(content), **scores}))
    low = [f"{name} is {scores[name]:.3f}, below {least}" for name, least in LEAST.items() if scores[name] < least]
    if low:
        print("; ".join(low), file=sys.stderr)
        return 1
    if not arguments.check:
        arguments.output.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
