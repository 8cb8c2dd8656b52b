"""Parts of the bench that are for a GPU: one module each, a function of the sizes to measure at."""
