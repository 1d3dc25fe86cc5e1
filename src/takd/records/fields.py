"""Kinds of fields that several records have."""

from typing import Annotated

from pydantic import AfterValidator, Field

from takd.errors import TakdError
from takd.networks.registry import check_builder
from takd.study.names import Name


def _name(text: str) -> str:
    try:
        return str(Name.parse(text))
    except TakdError as error:
        raise ValueError(str(error)) from None


def _builder(text: str) -> str:
    try:
        check_builder(text)
    except TakdError as error:
        raise ValueError(str(error)) from None
    return text


def _printable(text: str) -> str:
    if not text.isprintable():  # it may go to a terminal as it is
        raise ValueError("holds characters that can't be shown")
    return text


Key = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]  # sha256
Text = Annotated[str, Field(max_length=400), AfterValidator(_printable)]
NetworkName = Annotated[Text, AfterValidator(_name)]
Builder = Annotated[Text, AfterValidator(_builder)]
Classes = Annotated[int, Field(ge=2, le=65_536)]
Percent = Annotated[float, Field(ge=0, le=100)]
HeldOut = tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[int, Field(ge=0, le=999_999)]]  # share and seed
