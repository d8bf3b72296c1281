"""Third-party suites against a running gateway, beside nginx and Envoy: `make suites`. Not part of `make test`."""
