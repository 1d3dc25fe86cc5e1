"""What can go wrong through what a user typed or supplied: one line each, exit code 2.

TakdError
├── NetworkNameError   a name that is no network: unknown data set, family or size, a chain that grows
├── ParameterError     a parameter, recipe, preset or artifact that can't be used
├── DataError          an archive or prepared file that isn't what it should be
├── CheckpointError    weights or soft targets that are damaged or belong to another network
└── DivergenceError    a training whose loss is no longer a finite number
"""


class TakdError(Exception):
    """Base of all errors that are the user's to mend; its text is one line: what, where, and what would be right."""


class NetworkNameError(TakdError):
    """A name doesn't denote a network."""


class ParameterError(TakdError):
    """A parameter is unknown, of the wrong type or out of range."""


class DataError(TakdError):
    """An archive or a prepared data set is missing, damaged or not the one that it should be."""


class CheckpointError(TakdError):
    """A file of weights or soft targets is damaged, or belongs to another network, data set or recipe."""


class DivergenceError(TakdError):
    """The loss became infinite or not a number."""
