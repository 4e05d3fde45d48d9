"""The model that is committed is the one that training makes, and as good as training says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy
import onnx
import pytest
from ml_inference.model import Model, ModelError
from ml_inference.settings import OWN_MODEL

TRAINING = Path(__file__).parents[1] / "training" / "train.py"


@pytest.fixture(scope="module")
def training() -> ModuleType:
    pytest.importorskip("skl2onnx")
    spec = importlib.util.spec_from_file_location("train", TRAINING)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_training_again_gives_the_same_predictions(training: ModuleType) -> None:
    from sklearn.datasets import load_iris

    flowers = load_iris().data.tolist()
    content, scores = training.train()
    again, committed = (Model.of(each).predict(flowers) for each in (content, OWN_MODEL.read_bytes()))
    assert [one.name for one in again] == [one.name for one in committed]
    for one, other in zip(again, committed, strict=True):
        assert list(one.probabilities.values()) == pytest.approx(list(other.probabilities.values()), abs=1e-3)
    for name, least in training.LEAST.items():
        assert scores[name] >= least


def test_a_model_below_its_scores_is_not_written(
    training: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(training.LEAST, "accuracy", 0.999)
    monkeypatch.setattr("sys.argv", ["train.py", "--output", str(tmp_path / "model.onnx")])
    assert training.main() == 1
    assert not (tmp_path / "model.onnx").exists()
    assert "accuracy is 0.956, below 0.999" in capsys.readouterr().err


def test_one_input_is_answered_as_it_is_in_a_batch() -> None:
    model = Model.of(OWN_MODEL.read_bytes())
    inputs = numpy.linspace(0.1, 8.0, 40).reshape(10, 4).tolist()
    together = model.predict(inputs)
    for one, other in zip(inputs, together, strict=True):
        assert model.predict([one])[0].probabilities == pytest.approx(other.probabilities, abs=1e-6)


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"features": '["a", "b", "c"]'}, "does not take 3 features"),
        ({"classes": '["a", "b"]'}, "2 classes"),
        ({"name": None}, "has no name"),
    ],
)
def test_a_model_that_is_not_what_it_says_is_not_served(about: dict[str, str | None], said: str) -> None:
    changed = onnx.load_from_string(OWN_MODEL.read_bytes())
    known = {entry.key: entry.value for entry in changed.metadata_props} | about
    del changed.metadata_props[:]
    onnx.helper.set_model_props(changed, {key: value for key, value in known.items() if value is not None})
    with pytest.raises(ModelError, match=said):
        Model.of(changed.SerializeToString())
