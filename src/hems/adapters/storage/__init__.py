"""What is kept on disk: the SQLite database, the JSON files for people, backup and export."""
