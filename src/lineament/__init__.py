"""Lineament sees, tells and draws fine detail, and checks what is said about it."""
