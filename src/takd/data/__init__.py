"""Data sets: which there are, how their archives become one prepared file each, and the views that training takes of them."""
