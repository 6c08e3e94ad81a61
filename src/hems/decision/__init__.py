"""Pure deciding: factors, score, arbiter, stability, explanation."""
