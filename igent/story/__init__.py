"""The story of one decision as text for a terminal, made of the plain values that it is gathered in."""
