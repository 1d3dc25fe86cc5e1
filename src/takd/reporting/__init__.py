"""From accuracies and records to tables, figures, verdicts and reports. Nothing here imports torch."""
