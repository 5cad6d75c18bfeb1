"""What moved of a shop's money, per day and to the fen: read from the ledger, in words, as a file."""
