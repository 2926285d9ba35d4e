"""Agents: AutoGen assistants over igent's models, and the crew that drives them. The only autogen imports."""
