"""The grid on which a loss surface is measured."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class SurfaceGrid(BaseModel):
    """A square around a trained network, in units of its own filters' norms (Li et al. 2018), and the images to measure on."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    points: int = Field(ge=3, description="Points along each direction; odd, so that the network itself is one of them.")
    span: float = Field(
        gt=0,
        description="How far the grid goes from the network each way: at 1 each filter is moved by as much as its own norm.",
    )
    images: int = Field(gt=0, description="Training images on which the loss is measured, the same for every network.")

    @model_validator(mode="after")
    def _has_a_centre(self) -> Self:
        if self.points % 2 == 0:
            raise ValueError(f"points: must be odd, not {self.points}")
        return self

    def offsets(self) -> list[float]:
        """Where the points of one direction lie, ascending; the middle one is exactly 0."""
        last = self.points - 1
        return [self.span * (2 * i - last) / last for i in range(self.points)]
