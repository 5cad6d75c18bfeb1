"""Cash between the door and the bank: who holds how much, what was counted, what is refused."""
