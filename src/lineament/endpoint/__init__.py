"""Client of any OpenAI-compatible server: adaptive concurrency, budgets, retries, prices."""

from lineament.endpoint.client import EndpointClient
from lineament.endpoint.request import (
    Estimate,
    Price,
    Reply,
    Request,
    Settings,
    Usage,
    estimate_cost,
    estimate_tokens,
    parse_object,
)

__all__ = [
    "EndpointClient",
    "Estimate",
    "Price",
    "Reply",
    "Request",
    "Settings",
    "Usage",
    "estimate_cost",
    "estimate_tokens",
    "parse_object",
]
