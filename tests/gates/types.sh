# Types, over the collection, the sandbox and the tests.
mypy plugins/module_utils sandbox tests
