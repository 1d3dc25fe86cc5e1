"""takd: knowledge distillation through teacher assistants, as a reproducible pipeline."""

__version__ = "0.1.0"
