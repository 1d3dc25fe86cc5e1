"""How a trained network leaves: opened for use, without the data set or the workflow that made it."""
