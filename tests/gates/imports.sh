# Who may import whom: the contracts stand in pyproject.toml.
PYTHONPATH=plugins:. lint-imports --no-cache
