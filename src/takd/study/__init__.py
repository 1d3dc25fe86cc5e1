"""Names, recipes and studies: what is to be trained and shown, and where its files lie. No module here imports torch."""
