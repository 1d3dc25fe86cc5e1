"""How a study of one's own begins: its images and networks are tried, then its one file is written."""
