"""Text to claims, and claims against annotations."""
