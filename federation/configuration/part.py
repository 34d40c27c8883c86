"""The base of every part of the settings file."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base of every part of the file: frozen, no unknown key, no value in an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)
