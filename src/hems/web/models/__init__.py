"""What the API says: every answer as a typed model with units and examples. The OpenAPI document is made from it."""
