"""Koopman methods: linear dynamics of many observables."""
