"""What is asked and answered."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_INPUTS = 256
# Far beyond every measure of a flower, and far below where 32 bits end.
LARGEST = 1_000_000.0

Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Input = Annotated[list[Number], Field(min_length=1, max_length=1024)]


class Batch(BaseModel):
    """Inputs, each with one number per feature of the model."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"instances": [[5.1, 3.5, 1.4, 0.2]]}})
    instances: Annotated[list[Input], Field(min_length=1, max_length=MOST_INPUTS)]


class PredictedClass(BaseModel):
    """The likeliest class, and the probability of each."""

    class_: Annotated[str, Field(alias="class")]
    probabilities: dict[str, float]


class ModelName(BaseModel):
    """Which model answered."""

    name: str
    version: str


class Answer(BaseModel):
    """One prediction per input in the order of the inputs, and who answered."""

    predictions: list[PredictedClass]
    model: ModelName
    cloud: str
    region: str
    pod: str
