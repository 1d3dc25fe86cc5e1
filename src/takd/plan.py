"""What a target needs: its networks, which of them are there, and how long the others will take on this machine."""

from dataclasses import dataclass

from takd.chain import Network
from takd.recipe import Recipe

CALIBRATION_IMAGES = 128 * 3
TRAINING_IMAGES = {"digits": 1438}
DEFAULT_TRAINING_IMAGES = 50_000


@dataclass(frozen=True)
class PlannedNetwork:
    """A network that a target needs. seconds: what training it takes on one core, 0 where it is there."""

    network: Network
    recipe: Recipe
    seconds: float


@dataclass(frozen=True)
class Plan:
    """All networks that a target needs, teachers first."""

    networks: list[PlannedNetwork]
    cores: int
