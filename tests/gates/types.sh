# Types, over the collection, the sandbox and the tests.
mypy plugins sandbox tests tools
# The sample application stands for itself.
cd examples/ml-inference
mypy --config-file ../../pyproject.toml ml_inference training tests
