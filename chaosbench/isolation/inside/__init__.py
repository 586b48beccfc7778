"""What runs inside a forecaster's process."""
