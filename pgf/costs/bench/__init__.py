"""What things cost on this machine, side by side within one run: see `kinds`."""
