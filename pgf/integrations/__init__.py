"""Recipes in other people's trainers; each adapter imports its library when it is imported."""
