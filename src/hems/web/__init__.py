"""The dashboard and the API: what a browser and other programs see of the house, and how they give orders."""
