"""What is measured about a system, and the gate of the ranked suites."""
