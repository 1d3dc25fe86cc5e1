"""Families of networks: `registry` says which there are, one module a family says how its networks are built."""
