"""What hooks and definitions cost, as ratios to a Python that does nothing, beside what others need for the same: script/bench."""
