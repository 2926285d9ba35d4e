"""The Messages API on 127.0.0.1, as a real server: over sockets, with limits, a prompt cache, latency and faults.

Beside a test: `with serving(provider := Provider(Settings(...))) as url`, then `provider.plan = ...` and
`provider.stats`. As a process: `python -m tests.provider --latency haiku --rate 5`, then `POST /_plan`, `GET /_stats`.
"""
