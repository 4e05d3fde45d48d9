"""The application: what it answers, and when it is ready to."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from . import __version__
from .logs import FIELDS
from .metrics import Metrics
from .middleware import Observed
from .model import Model, ModelError
from .schemas import Answer, Batch
from .settings import Settings

_log = logging.getLogger("ml_inference")


class State:
    """The model when it is there, why it is not, and whether the process is on its way out."""

    def __init__(self) -> None:
        self.model: Model | None = None
        self.failure = ""
        self.draining = False

    @property
    def not_ready(self) -> str:
        """Why no requests should come; empty when they may."""
        if self.draining:
            return "shutting down"
        if self.model is None:
            return self.failure or "the model is being loaded"
        return ""


def load(settings: Settings) -> Model:
    """The model of the settings. ModelError when it is not there, damaged or another one."""
    if settings.model_uri:
        from .fetch import fetch

        return Model.of(fetch(settings.model_uri), settings.model_sha256)
    try:
        content = settings.model_path.read_bytes()
    except OSError as failure:
        raise ModelError(f"MODEL_PATH: {failure}") from failure
    return Model.of(content, settings.model_sha256)


def create_app(settings: Settings, on_failure: Callable[[], None] = lambda: None) -> FastAPI:
    """The application. ``app.state.service`` is its ``State``; ``on_failure``: what to do when there is no model."""
    state, metrics = State(), Metrics(settings.cloud, settings.region)
    place = {"cloud": settings.cloud, "region": settings.region, "pod": settings.pod_name}

    async def get_model() -> None:
        try:
            state.model = await asyncio.to_thread(load, settings)
        except ModelError as failure:
            state.failure = str(failure)
            _log.error("the model cannot be loaded", extra={FIELDS: {"why": str(failure)}})
            on_failure()
            return
        about = {"name": state.model.name, "version": state.model.version, "sha256": state.model.sha256}
        metrics.model.labels(**about).set(1)
        _log.info("the model is loaded", extra={FIELDS: {"model": about}})

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Beside the server: liveness is answered while a model comes over the network.
        loading = asyncio.create_task(get_model())
        yield
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loading

    app = FastAPI(title="ml-inference", version=__version__, lifespan=lifespan, redoc_url=None)
    app.state.service = state
    app.add_middleware(Observed, metrics=metrics, draining=lambda: state.draining)

    @app.exception_handler(RequestValidationError)
    async def refused(request: Request, failure: RequestValidationError) -> JSONResponse:
        # Where and why, without the input: it may be somebody's data, and NaN could not be told in JSON anyway.
        return _refusal([{"loc": list(one["loc"]), "msg": one["msg"], "type": one["type"]} for one in failure.errors()])

    @app.get("/")
    def about() -> dict[str, Any]:
        """What this is."""
        model = state.model
        return {
            "service": "ml-inference",
            "version": __version__,
            **place,
            "model": model
            and {
                "name": model.name,
                "version": model.version,
                "sha256": model.sha256,
                "features": model.features,
                "classes": model.classes,
            },
        }

    @app.get("/health")
    async def health() -> dict[str, str]:
        """That the process lives; a restart would not bring a model that is not there."""
        return {"status": "ok", **place}

    @app.get("/ready", responses={503: {"description": "No model yet, or shutting down"}})
    async def ready() -> JSONResponse:
        """Whether requests should come."""
        why = state.not_ready
        return JSONResponse({"status": why or "ready", **place}, 503 if why else 200)

    @app.post("/predict", response_model=Answer, responses={503: {"description": "No model yet"}})
    def predict(batch: Batch) -> Any:
        """The class of each input."""
        model = state.model
        if model is None:
            return JSONResponse({"detail": state.not_ready}, 503, {"Retry-After": "1"})
        wanted = len(model.features)
        wrong = [
            {
                "loc": ["body", "instances", index],
                "msg": f"{wanted} numbers are needed ({', '.join(model.features)}), not {len(one)}",
                "type": "wrong_length",
            }
            for index, one in enumerate(batch.instances)
            if len(one) != wanted
        ]
        if wrong:
            return _refusal(wrong)
        predictions = model.predict(batch.instances)
        for one in predictions:
            metrics.predictions.labels(one.name).inc()
        return {
            "predictions": [{"class": one.name, "probabilities": one.probabilities} for one in predictions],
            "model": {"name": model.name, "version": model.version},
            **place,
        }

    @app.get("/metrics", include_in_schema=False)
    def exposition() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return app


def _refusal(detail: list[dict[str, Any]]) -> JSONResponse:
    return JSONResponse({"detail": detail[:20]}, 422)
