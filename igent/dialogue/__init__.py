"""Dialogue: prompts, replies, the extractor that reads them as they stream, and the exchange as a generator. Pure."""
