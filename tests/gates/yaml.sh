yamllint --strict .
