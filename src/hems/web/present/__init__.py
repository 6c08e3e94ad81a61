"""From the house's frames and records to the API's models; pure."""
