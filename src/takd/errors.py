"""What can go wrong through what a user typed or supplied: one line each, exit code 2.

TakdError
├── NetworkNameError   a name that is no network: unknown data set, family or member, a chain that grows
├── ParameterError     a parameter, recipe, preset or artifact that can't be used
│   └── NotSearchedError   a preset that waits for what a search will have found
├── DataError          images, an archive or a prepared file that isn't what it should be
├── CheckpointError    weights or soft targets that are damaged or belong to another network
├── RecordError        a file of results that isn't what was written, or has no key that fits
├── DivergenceError    a training whose loss is no longer a finite number
└── DeviceError        a GPU that another process has for itself, or that can't be had otherwise
"""

import json

LONGEST = 200  # characters of a value that an error quotes


class TakdError(Exception):
    """Base of all errors that are the user's to mend; its text is one line: what, where, and what would be right."""


class NetworkNameError(TakdError):
    """A name doesn't denote a network."""


class ParameterError(TakdError):
    """A parameter is unknown, of the wrong type or out of range."""


class NotSearchedError(ParameterError):
    """A preset takes over what a search is to find first: nothing is wrong until somebody wants its results."""


class DataError(TakdError):
    """Images, an archive or a prepared data set are missing, damaged or not the ones that they should be."""


class CheckpointError(TakdError):
    """A file of weights or soft targets is damaged, or belongs to another network, data set or recipe."""


class RecordError(TakdError):
    """A file of results is damaged, was changed since it was written, or isn't what the parameters ask for."""


class DivergenceError(TakdError):
    """The loss became infinite or not a number."""


class DeviceError(TakdError):
    """A device is there, but can't be had."""


# What torch says of a device, and what that is for people. A mistake of takd's own, as an index out of range, isn't among them.
_FAULTS = (
    ("out of memory", "its memory is full; a smaller batch_size, or fewer jobs at once"),
    ("can't allocate memory", "its memory is full; a smaller batch_size, or fewer jobs at once"),
    ("_alloc_failed", "its memory is full; a smaller batch_size, or fewer jobs at once"),
    ("busy or unavailable", "another process has it for itself; wait for that, or take another by --device"),
    ("unspecified launch failure", "it was lost"),
    ("ecc error", "it was lost, by a fault of its memory"),
    ("unknown error", "it was lost"),
    ("is lost", "it was lost"),
    ("timed out", "it was lost, as it took too long"),
    ("hardware", "it was lost"),
)


def device_fault(error: BaseException) -> str | None:
    """What is wrong with the device that an error of torch's tells of, as a clause; None where the device isn't at fault."""
    said = str(error).lower()
    if not any(source in said for source in ("out of memory", "allocator", "cuda", "cublas", "cudnn")):
        return None
    return next((fault for text, fault in _FAULTS if text in said), None)


def shortened(text: object, longest: int = LONGEST) -> str:
    """A text for an error's line: white space as one blank, escapes shown instead of sent, cut where it is long."""
    line = " ".join(str(text)[: 4 * longest].split())
    shown = "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
