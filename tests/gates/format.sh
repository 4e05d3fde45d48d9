# Style and common mistakes.
ruff check .
ruff format --check .
