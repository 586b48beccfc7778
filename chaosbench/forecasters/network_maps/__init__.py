"""One-step maps given by networks: infinitely wide, of splines on edges, of quadratic neurons."""
