"""The application as it describes itself at `/openapi.json`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from service.errors import Problem


class DescribedApp(FastAPI):
    """An application whose description holds the problem document, which FastAPI would offer as plain JSON beside it.

    To work the description out takes half a second: whoever serves it asks for it once before.
    """

    def openapi(self) -> dict[str, Any]:
        """Return the description, worked out the first time."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            definition = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= definition.pop("$defs", {}) | {"Problem": definition}
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
        return super().openapi()
