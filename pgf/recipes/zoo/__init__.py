"""Recipes from elsewhere than the paper, one file each; a file's name is its recipe's."""
