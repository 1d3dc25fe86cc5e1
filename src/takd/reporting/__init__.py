"""From trained networks' metrics to tables. Nothing here imports torch."""
