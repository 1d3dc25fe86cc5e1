"""What a network minimises: `registry` says which objectives there are, one module each says how it is computed."""
