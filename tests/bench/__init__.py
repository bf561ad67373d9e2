"""What hooks cost, as ratios to a Python that does nothing, beside what others need for the same: script/bench."""
