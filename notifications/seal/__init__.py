"""The sealed log: a Merkle tree over the positions, signed checkpoints, proofs that anybody can check without us."""
