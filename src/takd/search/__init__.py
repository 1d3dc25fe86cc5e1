"""Searches for hyper-parameters and for the best path: trials of one network each, and what they came to."""
