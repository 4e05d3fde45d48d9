# Types, over the collection, the sandbox and the tests.
mypy plugins sandbox tests tools
