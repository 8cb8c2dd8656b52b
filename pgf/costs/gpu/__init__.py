"""All that needs a GPU, in one command: is it right, is it fast, and what can it train."""
