"""Code that several families of forecasters share."""
