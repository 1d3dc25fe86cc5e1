"""How fast takd is, against the authors' way of doing the same and against what the machine can do: `make bench`."""
