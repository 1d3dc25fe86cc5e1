"""What is to be made, what is there, and what it costs: keys held against files. No module here imports torch."""
