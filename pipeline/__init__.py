"""What a person runs: commands, the graph on one page, and what they report."""
