"""Where time, memory and arithmetic go: `profile`, `record_function`, `summary` of a network, and `FlopCounterMode`."""

from __future__ import annotations

from facula.profiler.averages import EventList
from facula.profiler.events import FunctionEvent, record_function
from facula.profiler.session import (
    ProfilerAction,
    ProfilerActivity,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)
from facula.profiler.summarize import LayerSummary, Summary, summary

__all__ = [
    "EventList",
    "FunctionEvent",
    "LayerSummary",
    "ProfilerAction",
    "ProfilerActivity",
    "Summary",
    "profile",
    "record_function",
    "schedule",
    "summary",
    "supported_activities",
    "tensorboard_trace_handler",
]
