"""What several families of forecasters share."""
