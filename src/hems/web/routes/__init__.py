"""The addresses of the API, one file for each thing that can be asked."""
