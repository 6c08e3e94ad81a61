"""What the owner may set: typed models, a loader that names lines, and the references made from them."""
