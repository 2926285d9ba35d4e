"""Models: what streams a reply to a request, real or simulated, and who may call when."""
