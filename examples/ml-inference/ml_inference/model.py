"""A classifier in ONNX: a format that holds numbers and operators, and runs no code when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import onnxruntime


class ModelError(Exception):
    """A model that cannot be served; the text says why."""


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of one input, and the probability of each."""

    name: str
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Model:
    """A loaded classifier. ``features`` and ``classes`` are in the order of its input and its probabilities."""

    name: str
    version: str
    sha256: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    session: Any

    @classmethod
    def of(cls, content: bytes, sha256: str = "") -> Model:
        """From the bytes of a file, which have to have the checksum when one is given.

        The file says in its metadata what it is: ``name``, ``version``, ``features`` and ``classes`` (JSON lists).
        """
        found = hashlib.sha256(content).hexdigest()
        if sha256 and found != sha256:
            raise ModelError(f"the model's SHA-256 is {found}, not {sha256}")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # small models; pods are what is scaled
        options.enable_cpu_mem_arena = False
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            about = session.get_modelmeta().custom_metadata_map
            features, classes = (tuple(json.loads(about[key])) for key in ("features", "classes"))
            name, version = about["name"], about["version"]
        except KeyError as missing:
            raise ModelError(f"the model's metadata has no {missing.args[0]}") from missing
        except Exception as failure:  # onnxruntime has a class of its own for each kind of damage
            raise ModelError(f"the model is no ONNX file that can be served: {str(failure)[:300]}") from failure
        model = cls(name, version, found, features, classes, session)
        model._try()
        return model

    def predict(self, inputs: Sequence[Sequence[float]]) -> list[Prediction]:
        """One prediction for each input, which has as many numbers as the model has features."""
        given = numpy.asarray(inputs, dtype=numpy.float32)
        (probabilities,) = self.session.run(["probabilities"], {self.session.get_inputs()[0].name: given})
        return [
            Prediction(self.classes[int(row.argmax())], dict(zip(self.classes, map(float, row), strict=True)))
            for row in probabilities
        ]

    def _try(self) -> None:
        """A model whose metadata is not true is found out before anybody is answered."""
        try:
            self.predict([[0.0] * len(self.features)])
        except Exception as failure:
            raise ModelError(
                f"the model does not take {len(self.features)} features to the probabilities of "
                f"{len(self.classes)} classes, as its metadata says: {str(failure)[:300]}"
            ) from failure
