"""What is on the shelf: counted goods and card keys, reserved at order time, taken or released later."""
