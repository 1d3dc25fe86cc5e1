"""What is in each file of results: one class a file, reader and writer together; and the key that says how it came about."""
