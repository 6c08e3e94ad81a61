"""The system: inverter, inputs, safety, configuration, logs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from hems.adapters.logging_setup import LOG_FILE_NAME
from hems.web.access.guard import Reader
from hems.web.dependencies import FrameOf, HouseOf, in_thread
from hems.web.log_tail import read_log_tail
from hems.web.models.system import ConfigurationView, LogTail, SafetyView, SystemView
from hems.web.present.configuration import configuration_view
from hems.web.present.system import safety_view, system_view
from hems.web.problems import answers

router = APIRouter(tags=["system"])


@router.get("/system", responses=answers(401, 403, 503))
async def system(house: HouseOf, frame: FrameOf, _caller: Reader) -> SystemView:
    """Inverter, link, writes against their budget, every input with age and source, resources."""
    return system_view(frame, house.loaded, house.stream.readers)


@router.get("/safety", responses=answers(401, 403, 503))
async def safety(frame: FrameOf, _caller: Reader) -> SafetyView:
    """The latch, the bounds in force, and every limit beside its present value."""
    return safety_view(frame)


@router.get("/configuration", responses=answers(401, 403))
async def configuration(house: HouseOf, _caller: Reader) -> ConfigurationView:
    """The configuration in force; secrets are masked."""
    return configuration_view(house.loaded)


@router.get("/logs", responses=answers(401, 403, 422, 503))
async def logs(
    house: HouseOf,
    _caller: Reader,
    lines: Annotated[int, Query(ge=1, le=1000, description="How many of the newest lines.")] = 200,
    level: Annotated[Literal["debug", "info", "warning", "error"], Query(description="The least level.")] = "info",
) -> LogTail:
    """The newest lines of the log, oldest first."""
    file = house.loaded.logs / LOG_FILE_NAME
    return await in_thread(lambda: read_log_tail(file, lines, level))
