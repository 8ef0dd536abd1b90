"""One verb a file. Operators are thin: they read properties and call a function."""
